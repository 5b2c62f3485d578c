//! How many requests may be refused because too little time is left.
//!
//! Without this bound, a caller whose clock or settings are wrong would always
//! be refused and never learn how long its responses take.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::time::Instant;

use crate::{
    stripes::Striped,
    sync::{Mutex, lock},
};

/// The length of the window in seconds, the present one included.
const WINDOW_SECONDS: u64 = 10;

/// Bounds the share of the requests of the last ten seconds that are refused.
pub(super) struct RejectionBudget {
    /// At most this share is refused.
    percent: u64,
    /// Seconds are counted from here.
    begun: Instant,
    /// Striped, because every request is counted.
    requests: Striped<SecondCounts>,
    /// Locked, so that two requests cannot both take the last rejection.
    rejected: Mutex<SecondCounts>,
}

impl RejectionBudget {
    /// Returns a budget of this share, which must be an integer from 0 to 100.
    ///
    /// # Panics
    ///
    /// When `percent` is more than 100.
    #[track_caller]
    pub(super) fn at_most(percent: u8) -> Self {
        assert!(
            percent <= 100,
            "invalid reject_at_most {percent}: must be 0 to 100"
        );
        Self {
            percent: u64::from(percent),
            begun: Instant::now(),
            requests: Striped::default(),
            rejected: Mutex::default(),
        }
    }

    /// Counts a request.
    #[inline]
    pub(super) fn count(&self, now: Instant) {
        self.requests.own().add(self.second(now));
    }

    /// Takes one rejection out of the budget; returns false if it is used up.
    pub(super) fn take(&self, now: Instant) -> bool {
        let second = self.second(now);
        let rejected = lock(&self.rejected);
        let all: u64 = self.requests.all().map(|it| it.sum(second)).sum();
        let some = rejected.sum(second);
        // In whole numbers, so that no rounding grants one rejection too many.
        let granted = (some + 1) * 100 <= all * self.percent;
        if granted {
            rejected.add(second);
        }
        granted
    }

    /// Returns the second since the beginning. It wraps after 136 years.
    #[inline]
    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_secs() & LOWER_HALF
    }
}

/// Counts of the last ten seconds. Each word has its second in the upper half
/// and the count in the lower: a word of an earlier round counts as 0.
#[derive(Default)]
struct SecondCounts([AtomicU64; WINDOW_SECONDS as usize]);

/// The bits of a count.
const LOWER_HALF: u64 = u32::MAX as u64;

impl SecondCounts {
    /// Counts one in this second.
    ///
    /// A count is lost if two threads of a stripe count at the same time. Fewer
    /// requests are refused then, and none is refused that must not be.
    #[inline]
    fn add(&self, second: u64) {
        let slot = &self.0[(second % WINDOW_SECONDS) as usize];
        let word = slot.load(Relaxed);
        match word >> 32 == second {
            // No overflow: no server gets 2^32 requests in a second.
            true => slot.store(word + 1, Relaxed),
            false => Self::begin(slot, second),
        }
    }

    /// Counts the first of a second, unless another thread was first.
    #[cold]
    fn begin(slot: &AtomicU64, second: u64) {
        let next = |word: u64| match word >> 32 == second {
            true => word + 1,
            false => second << 32 | 1,
        };
        _ = slot.fetch_update(Relaxed, Relaxed, |word| Some(next(word)));
    }

    /// Returns the count of the window that ends with this second.
    fn sum(&self, now: u64) -> u64 {
        let seconds = now.saturating_sub(WINDOW_SECONDS - 1)..=now;
        let counts = seconds.map(|second| {
            let word = self.0[(second % WINDOW_SECONDS) as usize].load(Relaxed);
            if word >> 32 == second {
                word & LOWER_HALF
            } else {
                0
            }
        });
        counts.sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn taken(budget: &RejectionBudget, requests: usize) -> usize {
        let now = Instant::now();
        let is_rejected = |_: &usize| {
            budget.count(now);
            budget.take(now)
        };
        (0..requests).filter(is_rejected).count()
    }

    #[tokio::test(start_paused = true)]
    async fn one_in_five_and_never_one_more() {
        let budget = RejectionBudget::at_most(20);
        assert_eq!(taken(&budget, 4), 0);
        assert_eq!(taken(&budget, 1), 1);
        assert_eq!(taken(&budget, 95), 19);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(taken(&budget, 100), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_of_ten_seconds_ago_do_not_count() {
        let budget = RejectionBudget::at_most(50);
        for _ in 0..100 {
            budget.count(Instant::now());
        }
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(!budget.take(Instant::now()));
        assert_eq!(taken(&budget, 1), 0);
        assert_eq!(taken(&budget, 1), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_may_be_none_or_all() {
        assert_eq!(taken(&RejectionBudget::at_most(0), 1_000), 0);
        assert_eq!(taken(&RejectionBudget::at_most(100), 1_000), 1_000);
    }

    #[test]
    #[should_panic(expected = "invalid reject_at_most 101: must be 0 to 100")]
    fn more_than_100_percent_is_refused() {
        RejectionBudget::at_most(101);
    }
}
