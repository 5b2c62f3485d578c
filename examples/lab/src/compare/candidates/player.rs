//! The interface between the simulation and a rule.

use sluicegate::clock::Tick;

/// The answer to one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The request passes after a wait, which is 0 unless the rule queues.
    Pass {
        /// The wait, in ticks.
        wait: Tick,
    },
    /// The request is refused.
    Refuse {
        /// The time after which to retry, as the client is told.
        retry: Option<Tick>,
    },
}

/// A rule with its buckets, which decides at given instants.
pub trait Player {
    /// Decides about a request on a bucket. No instant is before the last one.
    fn ask(&mut self, bucket: usize, now: Tick) -> Answer;
}

/// A second, in ticks.
pub(super) const SECOND: Tick = 1_000_000;
