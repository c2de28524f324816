//! What runs on the machines: the shipping name server, broker and clients.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use runtime::{BoxFuture, Runtime};
use scenarios::{
    Plan, Recorder,
    play::{self, Stage},
};
use tokio_util::sync::CancellationToken;

use crate::cluster::{Program, Recovered, Start};

/// Where a broker keeps everything.
pub(crate) const STORE_ROOT: &str = "/home/store";
const HOME: &str = "/home";
/// Where name servers listen.
pub(crate) const NAME_SERVER_PORT: u16 = 9876;

/// A name server with these properties.
pub(crate) fn name_server(properties: &BTreeMap<String, String>) -> Program {
    let pairs: Vec<(String, String)> =
        properties.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    Box::new(move |Start { runtime, ready, .. }| {
        let pairs = pairs.clone();
        Box::pin(async move {
            let mut config = namesrv::Config::at_home(Path::new(HOME));
            config.listen_port = NAME_SERVER_PORT;
            config.set_all(&pairs).map_err(|error| error.to_string())?;
            let running = namesrv::start(runtime.clone(), config).await;
            let running = running.map_err(|error| error.to_string())?;
            ready.tell();
            tokio::select! {
                biased;
                () = running.failed() => return Err("the listener ended by itself".to_owned()),
                _ = runtime.tasks.asked_to_stop() => {}
            }
            running.stop().await;
            Ok(())
        })
    })
}

/// A broker with these properties.
pub(crate) fn broker(mut properties: BTreeMap<String, String>, name_servers: &str) -> Program {
    for (key, value) in [("namesrvAddr", name_servers), ("storePathRootDir", STORE_ROOT)] {
        properties.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    }
    Box::new(move |Start { runtime, ready, process }| {
        let properties = properties.clone();
        Box::pin(async move {
            let config = broker_config((&runtime, process), &properties)?;
            let running = broker::start(runtime.clone(), config).await;
            let running = running.map_err(|error| error.to_string())?;
            let opened = running.opened();
            let complained = opened.cut.as_ref().is_some_and(|cut| cut.kept_in.is_some());
            ready.tell_recovered(Recovered { end: opened.end, complained });
            ready.tell();
            tokio::select! {
                biased;
                why = running.failed() => return Err(why),
                _ = runtime.tasks.asked_to_stop() => {}
            }
            running.stop().await.map_err(|error| error.to_string())
        })
    })
}

fn broker_config(
    (runtime, process): (&Runtime, u32),
    properties: &BTreeMap<String, String>,
) -> Result<broker::config::Config, String> {
    let host = broker::config::Host {
        name: runtime.net.host_name(),
        address: runtime.net.local_address().to_string(),
        home: HOME.to_owned(),
        cores: 2,
        process,
    };
    let mut config = broker::config::Config::on(host);
    for (key, value) in properties {
        config.set(key, value).map_err(|error| error.to_string())?;
    }
    Ok(config)
}

/// What a client does on its stage.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Producer,
    Consumer,
    /// Waits for orders: see [`on_stage`].
    Auditor,
}

/// What all clients of a run share.
#[derive(Clone)]
pub(crate) struct Backstage {
    pub(crate) plan: Arc<Plan>,
    pub(crate) recorder: Recorder,
    pub(crate) name_servers: String,
}

impl Backstage {
    /// The stage of one process, and the way to tell it that it should leave.
    pub(crate) fn stage(&self, runtime: &Runtime) -> (Stage, CancellationToken) {
        let leave = CancellationToken::new();
        let stage = Stage {
            runtime: runtime.clone(),
            name_servers: self.name_servers.clone(),
            plan: self.plan.clone(),
            recorder: self.recorder.clone(),
            stop: leave.clone(),
        };
        (stage, leave)
    }
}

/// A client of the plan.
pub(crate) fn client(backstage: Backstage, name: &str, part: Part) -> Program {
    let name = name.to_owned();
    Box::new(move |Start { runtime, ready, .. }| {
        let (stage, leave) = backstage.stage(&runtime);
        let name = name.clone();
        Box::pin(async move {
            ready.tell();
            let play: BoxFuture<'_, ()> = match part {
                Part::Producer => Box::pin(play::producer(stage, &name)),
                Part::Consumer => Box::pin(play::consumer(stage, &name)),
                Part::Auditor => Box::pin(std::future::pending()),
            };
            let mut play = play;
            tokio::select! {
                biased;
                () = &mut play => {
                    // A client whose work is done stays where it is until it is stopped.
                    runtime.tasks.asked_to_stop().await;
                }
                _ = runtime.tasks.asked_to_stop() => {
                    leave.cancel();
                    if !matches!(part, Part::Auditor) {
                        play.await;
                    }
                }
            }
            Ok(())
        })
    })
}
