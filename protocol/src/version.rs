//! Versions: the ordinal of a constant in Java's list, sent with every command.
//!
//! Source: common/MQVersion.java. The list is regular enough to be computed:
//!
//! ```text
//!   0..=15   3.0.0 and its alphas and betas, one by one
//!  16..=45   3.0.1  .. 3.0.15   a SNAPSHOT and a release each, from here on
//!  46..=65   3.1.0  .. 3.1.9
//!  66..=85   3.2.0  .. 3.2.9
//!  86..=211  3.3.1  .. 3.9.9    without a .0
//! 212..=611  4.0.0  .. 5.9.9
//! 612        HIGHER_VERSION, and every greater number
//! ```

/// 5.5.0: what Gantry says it is.
pub const OUR_VERSION: i32 = 513;
/// From here on a client understands a request to reset its offsets.
pub const V3_0_7_SNAPSHOT: i32 = 28;
/// From here on a broker registers with a body that also holds its filter servers.
pub const V3_0_11: i32 = 37;
/// From here on a consumer may be asked for its running information.
pub const V3_1_8_SNAPSHOT: i32 = 62;
/// From here on the header's maximum of reconsumptions counts.
pub const V3_4_9: i32 = 121;
/// From here on a route is answered in standard JSON.
pub const V4_9_4: i32 = 401;
/// From here on a compressed registration holds the static topics.
pub const V5_0_0: i32 = 413;
/// Clients after this one understand GO_AWAY.
pub const V5_3_1: i32 = 475;

const FIRST: [&str; 16] = [
    "V3_0_0_SNAPSHOT",
    "V3_0_0_ALPHA1",
    "V3_0_0_BETA1",
    "V3_0_0_BETA2",
    "V3_0_0_BETA3",
    "V3_0_0_BETA4",
    "V3_0_0_BETA5",
    "V3_0_0_BETA6_SNAPSHOT",
    "V3_0_0_BETA6",
    "V3_0_0_BETA7_SNAPSHOT",
    "V3_0_0_BETA7",
    "V3_0_0_BETA8_SNAPSHOT",
    "V3_0_0_BETA8",
    "V3_0_0_BETA9_SNAPSHOT",
    "V3_0_0_BETA9",
    "V3_0_0_FINAL",
];

/// Java's name of a version, as consoles and tools show it: `V5_5_0`.
///
/// Differs from Java: a negative number is `V3_0_0_SNAPSHOT`, not an exception.
pub fn version_name(version: i32) -> String {
    let Ok(ordinal) = u32::try_from(version) else {
        return FIRST[0].to_owned();
    };
    let (release, snapshot) = (ordinal / 2, ordinal % 2 == 0);
    let (major, minor, patch) = match ordinal {
        0..16 => return usize::try_from(ordinal).map_or("", |at| FIRST[at]).to_owned(),
        16..46 => (3, 0, release - 7),
        46..66 => (3, 1, release - 23),
        66..86 => (3, 2, release - 33),
        86..212 => (3, 3 + (release - 43) / 9, 1 + (release - 43) % 9),
        212..612 => {
            let release = release - 106;
            (4 + release / 100, release / 10 % 10, release % 10)
        }
        612.. => return "HIGHER_VERSION".to_owned(),
    };
    format!("V{major}_{minor}_{patch}{}", if snapshot { "_SNAPSHOT" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_computed_names_are_javas() {
        for (version, name) in [
            (-1, "V3_0_0_SNAPSHOT"),
            (0, "V3_0_0_SNAPSHOT"),
            (15, "V3_0_0_FINAL"),
            (16, "V3_0_1_SNAPSHOT"),
            (V3_0_7_SNAPSHOT, "V3_0_7_SNAPSHOT"),
            (V3_0_11, "V3_0_11"),
            (45, "V3_0_15"),
            (46, "V3_1_0_SNAPSHOT"),
            (V3_1_8_SNAPSHOT, "V3_1_8_SNAPSHOT"),
            (85, "V3_2_9"),
            (86, "V3_3_1_SNAPSHOT"),
            (V3_4_9, "V3_4_9"),
            (211, "V3_9_9"),
            (212, "V4_0_0_SNAPSHOT"),
            (V4_9_4, "V4_9_4"),
            (V5_0_0, "V5_0_0"),
            (V5_3_1, "V5_3_1"),
            (479, "V5_3_3"),
            (OUR_VERSION, "V5_5_0"),
            (611, "V5_9_9"),
            (612, "HIGHER_VERSION"),
            (i32::MAX, "HIGHER_VERSION"),
        ] {
            assert_eq!(version_name(version), name, "{version}");
        }
    }
}
