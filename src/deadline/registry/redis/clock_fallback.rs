//! Answers about deadlines without Redis, by this process's own clock.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use crate::{
    clock::ticks,
    deadline::registry::{
        error::Error,
        id::{Id, Issued},
        remaining::Remaining,
    },
};

/// Answers from what an id carries, if a skew of clocks was set.
pub(crate) struct ClockFallback {
    /// How wrong clocks are at most, in microseconds.
    skew: Option<u64>,
    count: AtomicU64,
}

impl ClockFallback {
    /// Without a skew, it never answers.
    pub(super) fn new(skew: Option<Duration>) -> Self {
        Self {
            skew: skew.map(ticks),
            count: AtomicU64::new(0),
        }
    }

    /// Returns how many answers it gave.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// Issues an id without a record, or returns the error without a skew.
    pub(super) fn register(&self, id: Id, budget: u64, error: Error) -> Result<Id, Error> {
        match self.skew {
            None => Err(error),
            Some(_) => Ok(id.with_issued(self.issue(budget))),
        }
    }

    /// The same for a child, which ends with its parent at the latest.
    pub(super) fn derive(
        &self,
        parent: &Id,
        child: Id,
        cap: u64,
        error: Error,
    ) -> Result<Id, Error> {
        let left = ticks(self.remaining_of(parent).ok_or(error)?.left()?);
        Ok(child.with_issued(self.issue(cap.min(left))))
    }

    /// Returns what the id says, or `answer` if it says nothing.
    pub(super) fn remaining(
        &self,
        id: &Id,
        answer: Result<Remaining, Error>,
    ) -> Result<Remaining, Error> {
        let Some(remaining) = self.remaining_of(id) else {
            return answer;
        };
        self.counted();
        Ok(remaining)
    }

    /// Returns what a new id carries.
    fn issue(&self, budget: u64) -> Issued {
        self.counted();
        Issued {
            at: now(),
            budget,
            is_recorded: false,
        }
    }

    /// Returns the state by what the id carries, if it does and a skew was set.
    fn remaining_of(&self, id: &Id) -> Option<Remaining> {
        Some(remaining(id.issued()?, self.skew?, now()))
    }

    fn counted(&self) {
        self.count.fetch_add(1, Relaxed);
    }
}

/// Returns what is left as if this clock were behind by `skew`, and never more
/// than the budget, because the clock may be wrong by more than that.
fn remaining(issued: Issued, skew: u64, now: u64) -> Remaining {
    // All numbers come from the text of an id, so none may overflow.
    let end = issued.at.saturating_add(issued.budget);
    let left = end.saturating_sub(now.saturating_add(skew));
    match left.min(issued.budget) {
        0 => Remaining::Expired,
        left => Remaining::Left(Duration::from_micros(left)),
    }
}

/// Returns the microseconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_never_ends_late_whichever_clock_is_wrong() {
        let issued = Issued {
            at: 1_000_000,
            budget: 1_000,
            is_recorded: true,
        };
        let skew = 100;
        for truth in [0_u64, 1, 500, 899, 900, 1_000, 2_000] {
            for wrong in [0, 1, skew, 2 * skew] {
                let now = 1_000_000 + truth + wrong - skew;
                let most = 1_000_u64.saturating_sub(truth);
                match remaining(issued, skew, now) {
                    Remaining::Left(left) => assert!(ticks(left) <= most),
                    it => assert!(it == Remaining::Expired && most <= 2 * skew),
                }
            }
        }
        assert_eq!(
            remaining(issued, skew, 0),
            Remaining::Left(Duration::from_millis(1))
        );
    }
}
