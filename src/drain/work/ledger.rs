//! The counts of a report, by the names of work.

use std::collections::BTreeMap;

use super::work_name::WorkName;
use crate::drain::observe::Ending;

/// The most names that one part of a report lists. A client can choose paths
/// that no route matches, so the rest is counted together.
const MAX_NAMES: usize = 64;
/// The name of all others.
const OTHERS: &str = "others";

/// How work of one name ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkCounts {
    /// By itself, before cancellations fired.
    pub finished: u64,
    /// After cancellations fired, and before the abort.
    pub cancelled: u64,
    /// Cut by the abort, or still there at the end.
    pub aborted: u64,
    /// Dropped before its end, because the client was gone or the handler
    /// panicked.
    pub dropped: u64,
    /// Connections that became tunnels whose handlers hold no guard. Whether
    /// they are still open is unknown.
    pub unguarded: u64,
}

impl WorkCounts {
    fn count(&mut self, end: Ending) -> &mut u64 {
        match end {
            Ending::Finished => &mut self.finished,
            Ending::Cancelled => &mut self.cancelled,
            Ending::Aborted => &mut self.aborted,
            Ending::Dropped => &mut self.dropped,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.finished += other.finished;
        self.cancelled += other.cancelled;
        self.aborted += other.aborted;
        self.dropped += other.dropped;
        self.unguarded += other.unguarded;
    }
}

/// Counts by name, and those of requests that were refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) by_name: BTreeMap<String, WorkCounts>,
    pub(crate) refused: u64,
}

impl Ledger {
    /// Counts the end of a request or of a guard.
    pub(crate) fn ended(&mut self, name: &WorkName, is_guard: bool, end: Ending) {
        let name = match is_guard && name.is_request() {
            true => format!("{name} (guard)"),
            false => name.to_string(),
        };
        *self.of(name).count(end) += 1;
    }

    /// Counts a tunnel without a guard.
    pub(crate) fn unguarded(&mut self, name: &WorkName) {
        self.of(name.to_string()).unguarded += 1;
    }

    /// Adds the counts of another one.
    pub(crate) fn add(&mut self, other: &Self) {
        self.refused += other.refused;
        for (name, counts) in &other.by_name {
            self.of(name.clone()).add(counts);
        }
    }

    fn of(&mut self, name: String) -> &mut WorkCounts {
        let is_full = self.by_name.len() >= MAX_NAMES && !self.by_name.contains_key(&name);
        let name = if is_full { OTHERS.into() } else { name };
        self.by_name.entry(name).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_clients_choose_do_not_fill_a_report() {
        let mut ledger = Ledger::default();
        for number in 0..1_000 {
            ledger.of(format!("GET /{number}")).finished += 1;
        }
        assert_eq!(ledger.by_name.len(), MAX_NAMES + 1);
        assert_eq!(ledger.by_name[OTHERS].finished, 1_000 - 64);
    }
}
