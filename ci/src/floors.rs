//! Who may import whom. This table is the law; ARCHITECTURE.md draws it.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::source;

/// A room, the rooms it may import, and the crates from outside that it may use.
struct Room {
    name: &'static str,
    ours: &'static [&'static str],
    outside: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    Room {
        name: "protocol",
        ours: &[],
        outside: &[
            "bytes",
            "bytestring",
            "crc32fast",
            "flate2",
            "lz4_flex",
            "ruzstd",
            "serde",
            "serde_json",
            "thiserror",
        ],
    },
    Room {
        name: "runtime",
        ours: &[],
        outside: &["bytes", "rand_chacha", "rustix", "socket2", "thiserror", "tokio"],
    },
    Room {
        name: "store",
        ours: &["protocol", "runtime"],
        outside: &["bytes", "crc32fast", "memmap2", "thiserror", "tracing"],
    },
    Room {
        name: "remoting",
        ours: &["protocol", "runtime"],
        outside: &["bytes", "thiserror", "tokio", "tokio-util", "tracing"],
    },
    Room {
        name: "broker",
        ours: &["protocol", "runtime", "store", "remoting"],
        outside: &[
            "bytes",
            "clap",
            "serde_json",
            "thiserror",
            "tokio",
            "tokio-util",
            "tracing",
            "tracing-subscriber",
        ],
    },
    Room {
        name: "namesrv",
        ours: &["protocol", "runtime", "remoting"],
        outside: &[
            "bytes",
            "clap",
            "serde_json",
            "thiserror",
            "tokio",
            "tokio-util",
            "tracing",
            "tracing-subscriber",
        ],
    },
    Room {
        name: "client",
        ours: &["protocol", "runtime", "remoting"],
        outside: &["bytes", "md-5", "serde_json", "thiserror", "tokio", "tokio-util", "tracing"],
    },
    Room { name: "checkers", ours: &[], outside: &[] },
    Room { name: "reports", ours: &["checkers"], outside: &["serde", "serde_json"] },
    Room {
        name: "scenarios",
        ours: &["client", "checkers", "protocol", "runtime"],
        outside: &[
            "bytes",
            "rand_chacha",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tokio-util",
        ],
    },
    Room {
        name: "sim",
        ours: &[
            "scenarios",
            "reports",
            "checkers",
            "client",
            "broker",
            "namesrv",
            "store",
            "remoting",
            "runtime",
            "protocol",
        ],
        outside: &[
            "bytes",
            "clap",
            "hdrhistogram",
            "madsim",
            "rand_chacha",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tokio-util",
            "tracing",
            "tracing-subscriber",
        ],
    },
    Room {
        name: "bench",
        ours: &["protocol"],
        outside: &["bytes", "clap", "hdrhistogram", "serde", "serde_json", "thiserror", "tokio"],
    },
    Room { name: "ci", ours: &[], outside: &["cargo_metadata", "clap", "serde_json"] },
];

/// What stands against the table.
pub(crate) fn check() -> Vec<String> {
    let metadata =
        MetadataCommand::new().manifest_path(source::root().join("Cargo.toml")).no_deps().exec();
    let metadata = match metadata {
        Ok(metadata) => metadata,
        Err(cause) => return vec![format!("cargo metadata failed: {cause}")],
    };
    let law: BTreeMap<&str, &Room> = ROOMS.iter().map(|room| (room.name, room)).collect();
    let mut complaints = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(room) = law.get(name) else {
            complaints.push(format!("{name}: a room that ci/src/floors.rs does not know"));
            continue;
        };
        // Tests may look at anything that does not import them back.
        let wanted: BTreeSet<&str> = package
            .dependencies
            .iter()
            .filter(|wanted| wanted.kind != DependencyKind::Development)
            .map(|wanted| wanted.name.as_str())
            .collect();
        for import in wanted {
            if law.contains_key(import) {
                if !room.ours.contains(&import) {
                    complaints.push(format!(
                        "{name} imports {import}: not below it (allowed: {})",
                        room.ours.join(", ")
                    ));
                }
            } else if !room.outside.contains(&import) {
                complaints.push(format!(
                    "{name} uses the crate {import}: add it to ci/src/floors.rs with a reason in \
                     ARCHITECTURE.md, or do without"
                ));
            }
        }
    }
    complaints
}
