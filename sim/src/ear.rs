//! Hears what the product says through `tracing`, for the story and for the probes.
//!
//! A line with a field `probe = "words"` says that a situation was reached; it is counted and may
//! have any level. Other lines are kept from INFO upwards. Spans are not listened to: opening one
//! per request is for production, where somebody collects them.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::Interest,
};

use crate::{
    tasks::{is_running_alive, running_node},
    world::{Kind, World, locked},
};

/// What was heard, by the words of the probe.
pub(crate) type Heard = Arc<Mutex<BTreeMap<String, u64>>>;

/// Listens on behalf of one world.
pub(crate) struct Ear {
    pub(crate) world: Arc<World>,
    pub(crate) heard: Heard,
}

fn is_heard(metadata: &Metadata<'_>) -> bool {
    let ours = !metadata.target().starts_with("madsim") && metadata.is_event();
    let loud = *metadata.level() <= Level::INFO;
    ours && (loud || metadata.fields().field("probe").is_some())
}

impl Subscriber for Ear {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_heard(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_heard(metadata)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        if !is_running_alive() {
            return;
        }
        let mut words = Words::default();
        event.record(&mut words);
        let node = running_node().unwrap_or(0);
        if let Some(probe) = words.probe {
            *locked(&self.heard).entry(probe.clone()).or_default() += 1;
            self.world.told(node, Kind::Probe, (0, 0), probe);
        }
        if *event.metadata().level() <= Level::INFO {
            let level = event.metadata().level();
            let text = format!("{level}: {}{}", words.message, words.fields);
            self.world.told(node, Kind::Said, (0, 0), text);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Words {
    probe: Option<String>,
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "probe" => self.probe = Some(value.to_owned()),
            _ => self.record_debug(field, &format_args!("{value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
        written.ok();
    }
}
