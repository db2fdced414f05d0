//! What Linux says of this process. A figure that cannot be read is absent.

use std::fs;

/// Figures of this process.
#[derive(Debug, Clone, Default)]
pub struct ProcessFigures {
    /// Resident memory.
    pub resident_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_files: Option<u64>,
    /// How many of them are sockets.
    pub open_sockets: Option<u64>,
    /// How many may be open.
    pub max_files: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Processor time.
    pub cpu_seconds: Option<f64>,
    /// Start, seconds since 1970.
    pub start_seconds: Option<f64>,
}

impl ProcessFigures {
    /// Reads them now; a few small files of `/proc`.
    pub fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let machine = fs::read_to_string("/proc/stat").unwrap_or_default();
        let (open_files, open_sockets) = open_files();
        let times = times(&stat, rustix::param::clock_ticks_per_second());
        Self {
            resident_bytes: number_after(&status, "VmRSS:").map(|kibibytes| kibibytes << 10),
            threads: number_after(&status, "Threads:"),
            max_files: number_after(&limits, "Max open files"),
            open_files,
            open_sockets,
            cpu_seconds: times.map(|(cpu, _)| cpu),
            start_seconds: times
                .and_then(|(_, after_boot)| Some(seconds(number_after(&machine, "btime")?) + after_boot)),
        }
    }
}

fn open_files() -> (Option<u64>, Option<u64>) {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return (None, None) };
    let (mut files, mut sockets) = (0, 0);
    for entry in entries.flatten() {
        files += 1;
        let goal = fs::read_link(entry.path());
        sockets += u64::from(goal.is_ok_and(|goal| goal.to_string_lossy().starts_with("socket:")));
    }
    (Some(files), Some(sockets))
}

/// The first number on the line that starts with `name`.
fn number_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Processor time and start after the machine's own, in seconds. The program's name may hold spaces and parentheses.
fn times(stat: &str, ticks_per_second: u64) -> Option<(f64, f64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // Counted from the state, which is field 3 of proc(5): utime 14, stime 15, starttime 22.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let ticks = seconds(ticks_per_second.max(1));
    Some((seconds(field(14)? + field(15)?) / ticks, seconds(field(22)?) / ticks))
}

#[expect(clippy::cast_precision_loss, reason = "seconds and ticks are far below 2^52")]
fn seconds(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_figures() {
        let figures = ProcessFigures::read();
        assert!(figures.resident_bytes.is_some_and(|bytes| bytes > 1 << 20), "{figures:?}");
        assert!(figures.open_files >= Some(3) && figures.max_files >= figures.open_files, "{figures:?}");
        assert!(figures.threads >= Some(1) && figures.cpu_seconds.is_some(), "{figures:?}");
        assert!(figures.start_seconds.is_some_and(|start| start > 1.6e9), "{figures:?}");
    }

    #[test]
    fn a_programs_name_may_hold_anything() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 1000 0 0";
        assert_eq!(times(stat, 100), Some((2.0, 10.0)));
        assert_eq!(times("7 (a) S 1", 100), None);
    }
}
