//! What is said of a deadline without Redis, by this process's own clock.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use crate::{
    clock::ticks,
    deadline::registry::{
        error::Error,
        id::{Id, Sent},
        remaining::Remaining,
    },
};

pub(super) struct Fallback {
    /// How wrong clocks are at most; without it there is no answer.
    skew: Option<u64>,
    count: AtomicU64,
}

impl Fallback {
    pub(super) fn new(skew: Option<Duration>) -> Self {
        Self {
            skew: skew.map(ticks),
            count: AtomicU64::new(0),
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// The id says all that there is of it.
    pub(super) fn register(&self, id: Id, budget: u64, error: Error) -> Result<Id, Error> {
        match self.skew {
            None => Err(error),
            Some(_) => Ok(id.saying(self.sent(budget))),
        }
    }

    pub(super) fn derive(
        &self,
        parent: &Id,
        child: Id,
        cap: u64,
        error: Error,
    ) -> Result<Id, Error> {
        let left = ticks(self.reckon(parent).ok_or(error)?.left()?);
        Ok(child.saying(self.sent(cap.min(left))))
    }

    /// What the id says instead of this answer.
    pub(super) fn look(
        &self,
        id: &Id,
        answer: Result<Remaining, Error>,
    ) -> Result<Remaining, Error> {
        let Some(word) = self.reckon(id) else {
            return answer;
        };
        self.counted();
        Ok(word)
    }

    fn sent(&self, budget: u64) -> Sent {
        self.counted();
        Sent {
            at: now(),
            budget,
            recorded: false,
        }
    }

    fn reckon(&self, id: &Id) -> Option<Remaining> {
        Some(left(id.sent()?, self.skew?, now()))
    }

    fn counted(&self) {
        self.count.fetch_add(1, Relaxed);
    }
}

/// As if this clock were behind by all that it may be; and never more than there
/// was at first, for it may be wrong by more than was said.
fn left(sent: Sent, skew: u64, now: u64) -> Remaining {
    let end = sent.at.saturating_add(sent.budget);
    let left = end.saturating_sub(now.saturating_add(skew));
    match left.min(sent.budget) {
        0 => Remaining::Expired,
        left => Remaining::Left(Duration::from_micros(left)),
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_later_than_the_truth_whichever_clock_is_wrong() {
        let sent = Sent {
            at: 1_000_000,
            budget: 1_000,
            recorded: true,
        };
        let skew = 100;
        for truth in [0_u64, 1, 500, 899, 900, 1_000, 2_000] {
            for wrong in [0, 1, skew, 2 * skew] {
                let now = 1_000_000 + truth + wrong - skew;
                let most = 1_000_u64.saturating_sub(truth);
                match left(sent, skew, now) {
                    Remaining::Left(left) => assert!(ticks(left) <= most),
                    word => assert!(word == Remaining::Expired && most <= 2 * skew),
                }
            }
        }
        assert_eq!(
            left(sent, skew, 0),
            Remaining::Left(Duration::from_millis(1))
        );
    }
}
