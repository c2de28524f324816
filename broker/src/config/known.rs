//! Every key of RocketMQ 5.5.0 that a broker.conf may hold, honoured here or not.

use super::Host;

/// class,key,type,default; taken from the 5.5.0 classes.
const TABLE: &str = include_str!("rocketmq_5_5_0.csv");

/// Keys marked `@ImportantField` in the Java classes that `mqbroker -m` prints.
pub(super) const IMPORTANT: &[&str] = &[
    "brokerName",
    "brokerClusterName",
    "brokerId",
    "namesrvAddr",
    "listenPort",
    "brokerIP1",
    "recoverConcurrently",
    "autoCreateTopicEnable",
    "autoCreateSubscriptionGroup",
    "msgTraceTopicName",
    "traceTopicEnable",
    "rejectTransactionMessage",
    "fetchNameSrvAddrByDnsLookup",
    "fetchNamesrvAddrByAddressServer",
    "transactionTimeOut",
    "transactionCheckMax",
    "transactionCheckInterval",
    "aclEnable",
];

/// One key of RocketMQ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    class: &'static str,
    name: &'static str,
    kind: &'static str,
    default: &'static str,
}

impl Known {
    /// Whether a value is of this key's type; else what it should be.
    pub(super) fn check(self, value: &str) -> Result<(), &'static str> {
        let value = value.trim();
        match self.kind {
            "int" if value.parse::<i32>().is_err() => {
                Err("a whole number from -2147483648 to 2147483647")
            }
            "long" if value.parse::<i64>().is_err() => Err("a whole number of at most 64 bits"),
            "double" if value.parse::<f64>().is_err() => Err("a decimal number"),
            "boolean"
                if !value.eq_ignore_ascii_case("true") && !value.eq_ignore_ascii_case("false") =>
            {
                Err("true or false")
            }
            _ => Ok(()),
        }
    }
}

fn all() -> impl Iterator<Item = Known> {
    TABLE.lines().skip(1).filter_map(|line| {
        let mut parts = line.splitn(4, ',');
        let (class, name, kind) = (parts.next()?, parts.next()?, parts.next()?);
        let default = parts.next().unwrap_or("").trim_matches('"');
        Some(Known { class, name, kind, default })
    })
}

/// The key of that name.
pub(super) fn find(name: &str) -> Option<Known> {
    all().find(|known| known.name == name)
}

/// Every name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|known| known.name)
}

/// Name and default of every key that a 5.5.0 broker echoes although nobody set it.
pub(super) fn echoed(host: &Host) -> impl Iterator<Item = (&'static str, String)> {
    all()
        .filter(|known| known.class != "AuthConfig" && known.default != "(unset)")
        .map(|known| (known.name, default_on(known, host)))
}

/// Some defaults are formulas over the host.
fn default_on(known: Known, host: &Host) -> String {
    let cores = host.cores;
    match known.default {
        "cores" => cores.to_string(),
        "8+cores" => (8 + cores).to_string(),
        "16+cores*2" => (16 + cores * 2).to_string(),
        "min(cores,4)" => cores.min(4).to_string(),
        "min(32,cores)" => cores.min(32).to_string(),
        formula if formula.starts_with("max(8+cores*2") => {
            (8 + cores * 2).max(cores.min(4) * 4).to_string()
        }
        formula if formula.starts_with("${ROCKETMQ_HOME") => host.home.clone(),
        plain => plain.to_owned(),
    }
}
