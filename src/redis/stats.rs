//! Counts of what happened on a connection.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{error::ErrorKind, lane::Lane};
use crate::histogram::Durations;

/// What happened on a lane since it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneStats {
    /// Which lane it is.
    pub lane: Lane,
    /// What happened on it.
    pub stats: Stats,
    /// How long its calls took, but those that an open breaker answered.
    pub latency: Durations,
    /// Whether no server is asked on it now.
    pub is_open: bool,
}

/// What happened on a [`Connection`](super::Connection) and its clones since
/// it was built, or on one of its lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls, whether or not they succeeded. A batch is one call.
    pub calls: u64,
    /// Calls that failed, for any reason.
    pub failures: u64,
    /// Calls that failed because there was no answer within the timeout.
    pub timeouts: u64,
    /// Calls that were sent again with their script, which the server did not know.
    pub unknown_scripts: u64,
    /// Redirections that were followed in a cluster.
    pub redirections: u64,
    /// Connections that were made.
    pub connects: u64,
    /// How often a breaker opened. In a cluster, each node has one.
    pub opened: u64,
    /// How often a probe closed it again.
    pub closed: u64,
    /// Calls that an open breaker answered.
    pub shut: u64,
    /// Connections that were closed because an answer belonged to another call.
    pub mixed_up: u64,
}

impl Stats {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            failures: self.failures + other.failures,
            timeouts: self.timeouts + other.timeouts,
            unknown_scripts: self.unknown_scripts + other.unknown_scripts,
            redirections: self.redirections + other.redirections,
            connects: self.connects + other.connects,
            opened: self.opened + other.opened,
            closed: self.closed + other.closed,
            shut: self.shut + other.shut,
            mixed_up: self.mixed_up + other.mixed_up,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) calls: Counter,
    pub(super) failures: Counter,
    pub(super) timeouts: Counter,
    pub(super) unknown_scripts: Counter,
    pub(super) redirections: Counter,
    pub(super) connects: Counter,
    pub(super) opened: Counter,
    pub(super) closed: Counter,
    pub(super) shut: Counter,
    pub(super) mixed_up: Counter,
}

impl Counters {
    pub(super) fn failed(&self, kind: ErrorKind) {
        self.failures.add();
        match kind {
            ErrorKind::TimedOut => self.timeouts.add(),
            ErrorKind::Shut => self.shut.add(),
            _ => {}
        }
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            calls: self.calls.get(),
            failures: self.failures.get(),
            timeouts: self.timeouts.get(),
            unknown_scripts: self.unknown_scripts.get(),
            redirections: self.redirections.get(),
            connects: self.connects.get(),
            opened: self.opened.get(),
            closed: self.closed.get(),
            shut: self.shut.get(),
            mixed_up: self.mixed_up.get(),
        }
    }
}
