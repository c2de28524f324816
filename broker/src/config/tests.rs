use super::*;

fn read(text: &str) -> Result<(Config, Vec<String>), ConfigError> {
    Config::read(text.as_bytes(), Host::default())
}

#[test]
fn honoured_keys_are_taken_and_others_of_rocketmq_are_named() {
    let (config, unhonoured) =
        read("brokerName=b1\nflushDiskType = SYNC_FLUSH\nsendMessageThreadPoolNums=7\n").unwrap();
    assert_eq!("b1", config.broker_name);
    assert_eq!(FlushDiskType::SyncFlush, config.flush_disk_type);
    assert_eq!(vec!["sendMessageThreadPoolNums".to_owned()], unhonoured);
    assert_eq!(Some("7"), config.properties().get("sendMessageThreadPoolNums").map(String::as_str));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let error = read("a=1").unwrap_err();
    assert_eq!("unknown key `a` in line 1", error.to_string());
    let error = read("# x\nbrokerNmae=b1").unwrap_err();
    assert_eq!("unknown key `brokerNmae` in line 2; did you mean `brokerName`?", error.to_string());
}

#[test]
fn a_wrong_value_names_key_value_and_what_was_expected() {
    let error = read("listenPort=99999").unwrap_err();
    assert_eq!(
        "`listenPort` = `99999` in line 1: expected a whole number from 0 to 65535",
        error.to_string()
    );
    let error = read("flushDiskType=SYNC").unwrap_err();
    assert!(error.to_string().ends_with("expected ASYNC_FLUSH or SYNC_FLUSH"), "{error}");
    let error = read("haSendHeartbeatInterval=soon").unwrap_err();
    assert!(error.to_string().contains("`haSendHeartbeatInterval` = `soon`"), "{error}");
}

/// What an operator reads when a file is wrong, all of it at a glance.
#[test]
fn the_words_for_a_wrong_file() {
    let wrong = [
        "a=1",
        "brokerNmae=b1",
        "listenPort=99999",
        "listenPort=-1",
        "listenPort=ten",
        "listenPort=",
        "listenPort=9999999999999999999999",
        "brokerId=1.5",
        "flushDiskType=SYNC",
        "autoCreateTopicEnable=yes",
        "maxMessageSize=4M",
        "diskMaxUsedSpaceRatio=-75",
        "deleteWhen=25",
        "mappedFileSizeCommitLog=-1",
        "brokerName=b1\nbrokerRole=LEADER",
        "listenPort=10911\nlistenPort=x",
    ];
    let told: Vec<String> = wrong
        .iter()
        .map(|text| match read(text) {
            Ok(_) => format!("{text:?}: taken"),
            Err(error) => format!("{text:?}: {error}"),
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn every_honoured_key_is_a_key_of_rocketmq_with_the_same_default() {
    // Only read by the start-up class in Java, not by one of the configuration classes.
    let elsewhere = ["rmqAddressServerDomain", "rmqAddressServerSubGroup"];
    // Completed from the host or from other keys.
    let derived = ["brokerName", "brokerIP1", "brokerIP2", "namesrvAddr", "listenPort"];
    let derived = [&derived[..], &["haListenPort", "storePathRootDir", "storePathCommitLog"]];
    let derived = derived.concat();
    let echoed: BTreeMap<_, _> = known::echoed(&Host::default()).collect();
    for key in KEYS {
        if elsewhere.contains(&key.name) {
            continue;
        }
        assert!(known::find(key.name).is_some(), "{} is not a key of RocketMQ", key.name);
        if !derived.contains(&key.name) {
            let ours = Settings::default().show(key.name);
            assert_eq!(echoed.get(key.name), ours.as_ref(), "{}", key.name);
        }
    }
}

#[test]
fn the_echo_holds_every_property_of_java_and_the_values_in_force() {
    let (config, _) = read("listenPort=20911\nstorePathRootDir=store-a\n").unwrap();
    let echo = config.properties();
    assert_eq!(Some("20911"), echo.get("listenPort").map(String::as_str));
    assert_eq!(Some("20912"), echo.get("haListenPort").map(String::as_str));
    assert_eq!(Some("store-a/commitlog"), echo.get("storePathCommitLog").map(String::as_str));
    assert_eq!(Some("20"), echo.get("pullMessageThreadPoolNums").map(String::as_str));
    assert_eq!(Some("127.0.0.1"), echo.get("brokerIP1").map(String::as_str));
    assert!(!echo.contains_key("authenticationEnabled"));
    assert!(!echo.contains_key("namesrvAddr"));
    assert!(450 < echo.len(), "{}", echo.len());
}

#[test]
fn black_listed_keys_cannot_be_updated() {
    let mut config = Config::default();
    assert!(!config.may_update("configBlackList"));
    assert!(!config.may_update("rocketmqHome"));
    assert!(config.may_update("deleteWhen"));
    config.edit(|settings| settings.config_black_list = "deleteWhen;x".to_owned());
    assert!(!config.may_update("deleteWhen"));
}

#[test]
fn an_ipv6_address_is_published_in_brackets() {
    let mut config = Config::default();
    config.edit(|settings| settings.broker_ip1 = "::1".to_owned());
    assert_eq!("[::1]:10911", config.address());
}
