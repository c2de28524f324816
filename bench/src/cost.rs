//! What processes and the machine have cost so far, as Linux tells it.

use std::{fs, io};

/// One process. CPU times come in clock ticks of 10 ms.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub(crate) struct Cost {
    /// User plus system time, in seconds.
    pub(crate) cpu_s: f64,
    /// Resident set, mapped files included.
    pub(crate) resident_bytes: u64,
    /// Resident memory that is its own and not a file's.
    pub(crate) private_bytes: u64,
    /// Threads.
    pub(crate) threads: u64,
}

/// Linux counts process times in hundredths of a second on every machine this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads `/proc/<pid>`.
pub(crate) fn of(pid: u32) -> io::Result<Cost> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(parse(&stat, &status))
}

fn parse(stat: &str, status: &str) -> Cost {
    // The name in brackets may hold blanks; the fields that count follow it.
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    let number = |name: &str| {
        let text = status.lines().find_map(|line| line.strip_prefix(name));
        text.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    Cost {
        cpu_s: (ticks(11) + ticks(12)) / TICKS_PER_SECOND,
        resident_bytes: number("VmRSS:") * 1024,
        private_bytes: number("RssAnon:") * 1024,
        threads: number("Threads:"),
    }
}

/// CPU time of the threads that a process has now, to the nanosecond: clock ticks are too coarse to
/// see an idle broker. Threads that have ended do not count.
pub(crate) fn threads_cpu_s(pid: u32) -> io::Result<f64> {
    let mut nanos = 0.0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // One that ends meanwhile has no file any more.
        let told = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        nanos += told.split(' ').next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    }
    Ok(nanos / 1e9)
}

/// Seconds of CPU that the whole machine has spent on anything.
pub(crate) fn machine_busy_s() -> io::Result<f64> {
    Ok(busy_s(&fs::read_to_string("/proc/stat")?))
}

fn busy_s(stat: &str) -> f64 {
    let line = stat.lines().next().unwrap_or_default();
    let fields: Vec<f64> = line.split_whitespace().skip(1).flat_map(str::parse).collect();
    // user nice system idle iowait irq softirq steal; guests are within user.
    let busy = fields.iter().take(8).enumerate().filter(|(at, _)| *at != 3 && *at != 4);
    busy.map(|(_, ticks)| ticks).sum::<f64>() / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_whose_name_has_blanks_and_brackets_is_read() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 1 1 1";
        let status = "Name:\ta ) b\nVmRSS:\t    2048 kB\nRssAnon:\t 1024 kB\nThreads:\t9\n";
        let cost = parse(stat, status);
        assert_eq!(
            cost,
            Cost { cpu_s: 2.0, resident_bytes: 2 << 20, private_bytes: 1 << 20, threads: 9 }
        );
    }

    #[test]
    fn a_thread_that_works_is_seen_to_the_nanosecond() {
        let before = threads_cpu_s(std::process::id()).unwrap();
        let spun = (0..50_000_000_u64).fold(1_u64, |sum, step| std::hint::black_box(sum ^ step));
        assert!(before < threads_cpu_s(std::process::id()).unwrap(), "{spun}");
    }

    #[test]
    fn idle_and_waiting_for_a_disk_is_not_busy() {
        let stat = "cpu  100 0 100 5000 700 0 50 50 0 0\ncpu0 1 2 3\n";
        assert!((busy_s(stat) - 3.0).abs() < 1e-9);
    }
}
