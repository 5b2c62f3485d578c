//! Refuses requests for which there is no room, with the time after which to come
//! again.

use std::time::Duration;

use super::problem::Problem;
use crate::{
    pipeline::{Context, Counters, Reserved},
    store::{Accepted, Request},
};

/// The bounds of the time that a client is told.
const SHORTEST: f64 = 1.0;
const LONGEST: f64 = 60.0;

/// A request that may be written, or was before.
#[derive(Debug)]
pub(super) enum Admission {
    /// There is a place for it.
    New(Reserved),
    /// There is none, and it needs none, because its key is known.
    Known(Accepted),
}

impl Context {
    /// Reserves a place in the outbox for a request.
    pub(super) async fn admit(&self, request: &Request) -> Result<Admission, Problem> {
        match self.backlog.reserve() {
            Some(reserved) => Ok(Admission::New(reserved)),
            None => match self.store.known(request).await? {
                Some(known) => Ok(Admission::Known(known)),
                None => Err(self.full()),
            },
        }
    }

    /// Reserves a place in the outbox for an event that exists.
    pub(super) fn reserve(&self) -> Result<Reserved, Problem> {
        self.backlog.reserve().ok_or_else(|| self.full())
    }

    fn full(&self) -> Problem {
        let most = self.backlog.most();
        self.busy(format!("{most} events are pending, and no more may be"))
    }

    /// Returns the problem of a request for which there is no room.
    pub(super) fn busy(&self, detail: impl Into<String>) -> Problem {
        Counters::add(&self.gauges.counters.refused);
        let wait = wait(self.backlog.pending(), self.gauges.rate());
        Problem::busy(detail, jittered(wait, fastrand::f64()))
    }
}

/// Returns the time until a tenth of the pending events is done.
fn wait(pending: u64, per_second: f64) -> f64 {
    let seconds = pending as f64 / 10.0 / per_second.max(0.1);
    seconds.clamp(SHORTEST, LONGEST)
}

/// Returns 80 % to 120 % of the time, so that clients do not return together.
fn jittered(seconds: f64, random: f64) -> Duration {
    Duration::from_secs_f64(seconds * (0.8 + 0.4 * random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_that_of_a_tenth_of_the_backlog_within_its_bounds() {
        assert_eq!(wait(1_000, 10.0), 10.0);
        assert_eq!(wait(10, 1_000.0), SHORTEST);
        assert_eq!(wait(1_000_000, 0.0), LONGEST);
    }

    #[test]
    fn jitter_is_a_fifth_to_both_sides() {
        let seconds = [0.0, 0.5, 1.0].map(|random| jittered(10.0, random).as_secs());
        assert_eq!(seconds, [8, 10, 12]);
    }
}
