//! Tells the time and the memory of a run, on standard error because they differ
//! between two runs.

use std::{fs, time::Instant};

use super::results::count;

/// Measures a run from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    begun: Instant,
}

impl Usage {
    pub(crate) fn start() -> Self {
        Self {
            begun: Instant::now(),
        }
    }

    /// Tells the time since the start and the most memory so far.
    pub(crate) fn tell(self, lines: u64) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let lines = count(lines);
        let memory = peak_mib().map(|mib| format!(", {mib} MiB of memory at most"));
        eprintln!(
            "{lines} lines in {seconds:.1} s{}",
            memory.unwrap_or_default()
        );
    }
}

/// Returns the most memory that this process had, where the system tells it as
/// Linux does.
fn peak_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib.div_ceil(1_024))
}
