//! What another process has cost so far, as Linux tells it.

use std::{fs, io};

/// CPU time in clock ticks of 10 ms, and resident memory in bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    /// User plus system time, in seconds.
    pub(crate) cpu_s: f64,
    /// Resident set.
    pub(crate) resident_bytes: u64,
}

/// Linux counts process times in hundredths of a second on every machine this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads `/proc/<pid>`.
pub(crate) fn of(pid: u32) -> io::Result<Cost> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold blanks; the fields that count follow it.
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident_kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|text| text.trim().split(' ').next()?.parse::<u64>().ok())
        .unwrap_or(0);
    Ok(Cost {
        cpu_s: (ticks(11) + ticks(12)) / TICKS_PER_SECOND,
        resident_bytes: resident_kib * 1024,
    })
}
