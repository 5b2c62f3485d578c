//! How many requests may be refused because too little time is left.
//!
//! A caller whose clock or whose settings are wrong would else be refused
//! always, and never find out how long its answers take.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::time::Instant;

use crate::sync::{Mutex, lock};

/// How many seconds are looked at together, the present one included.
const SECONDS: u64 = 10;

/// The requests of the last ten seconds, and those of them that were refused.
pub(super) struct Rejections {
    percent: u64,
    begun: Instant,
    requests: Counted,
    /// Behind a lock, for two must not take the last one both.
    rejected: Mutex<Counted>,
}

impl Rejections {
    #[track_caller]
    pub(super) fn at_most(percent: u8) -> Self {
        assert!(
            percent <= 100,
            "invalid percentage of rejections {percent}: must be 0 to 100"
        );
        Self {
            percent: u64::from(percent),
            begun: Instant::now(),
            requests: Counted::default(),
            rejected: Mutex::default(),
        }
    }

    /// A request has come.
    #[inline]
    pub(super) fn count(&self, now: Instant) {
        self.requests.add(self.second(now));
    }

    /// Takes one more rejection, if there are not too many.
    pub(super) fn take(&self, now: Instant) -> bool {
        let second = self.second(now);
        let rejected = lock(&self.rejected);
        let (some, all) = (rejected.sum(second), self.requests.sum(second));
        let granted = (some + 1) * 100 <= all * self.percent;
        if granted {
            rejected.add(second);
        }
        granted
    }

    #[inline]
    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_secs() & MASK
    }
}

/// Counts by the second. Each word has the second in its upper half, and how
/// many there were in its lower: what is of another round counts nothing.
#[derive(Default)]
struct Counted([AtomicU64; SECONDS as usize]);

const MASK: u64 = u32::MAX as u64;

impl Counted {
    #[inline]
    fn add(&self, second: u64) {
        let slot = &self.0[(second % SECONDS) as usize];
        match slot.load(Relaxed) >> 32 == second {
            // 32 bits of requests do not come in a second.
            true => _ = slot.fetch_add(1, Relaxed),
            false => Self::begin(slot, second),
        }
    }

    /// The first of a second, unless another was that meanwhile.
    #[cold]
    fn begin(slot: &AtomicU64, second: u64) {
        let next = |kept: u64| match kept >> 32 == second {
            true => kept + 1,
            false => second << 32 | 1,
        };
        _ = slot.fetch_update(Relaxed, Relaxed, |kept| Some(next(kept)));
    }

    fn sum(&self, now: u64) -> u64 {
        let seconds = now.saturating_sub(SECONDS - 1)..=now;
        let counts = seconds.map(|second| {
            let kept = self.0[(second % SECONDS) as usize].load(Relaxed);
            if kept >> 32 == second { kept & MASK } else { 0 }
        });
        counts.sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn taken(rejections: &Rejections, requests: usize) -> usize {
        let now = Instant::now();
        let ask = |_: &usize| {
            rejections.count(now);
            rejections.take(now)
        };
        (0..requests).filter(ask).count()
    }

    #[tokio::test(start_paused = true)]
    async fn one_in_five_and_never_one_more() {
        let rejections = Rejections::at_most(20);
        assert_eq!(taken(&rejections, 4), 0);
        assert_eq!(taken(&rejections, 1), 1);
        assert_eq!(taken(&rejections, 95), 19);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(taken(&rejections, 100), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ten_seconds_old_does_not_count() {
        let rejections = Rejections::at_most(50);
        for _ in 0..100 {
            rejections.count(Instant::now());
        }
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(!rejections.take(Instant::now()));
        assert_eq!(taken(&rejections, 1), 0);
        assert_eq!(taken(&rejections, 1), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn none_and_all_are_possible() {
        assert_eq!(taken(&Rejections::at_most(0), 1_000), 0);
        assert_eq!(taken(&Rejections::at_most(100), 1_000), 1_000);
    }

    #[test]
    #[should_panic(expected = "invalid percentage of rejections 101: must be 0 to 100")]
    fn more_than_all_are_refused() {
        Rejections::at_most(101);
    }
}
