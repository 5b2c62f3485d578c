//! How often a cluster learns its topology.
//!
//! The [cluster](super::cluster) asks this before it asks its nodes. Without it,
//! every call to a slot that no node has would be a round trip to several nodes,
//! and so would every redirection while slots move.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::random;

/// The least time between two attempts in the background, and the first rest.
const MIN_REST: Duration = Duration::from_millis(100);

/// The longest rest.
const MAX_REST: Duration = Duration::from_secs(2);

/// Shared by all runtimes that use the cluster.
pub(super) struct RefreshPace(Mutex<Pace>);

struct Pace {
    /// When the last attempt began.
    began: Option<Instant>,
    /// A slot that has no node is not looked for before this instant.
    rests_until: Option<Instant>,
    /// How long the next rest is.
    rest: Duration,
}

impl Default for RefreshPace {
    fn default() -> Self {
        Self(Mutex::new(Pace {
            began: None,
            rests_until: None,
            rest: MIN_REST,
        }))
    }
}

impl RefreshPace {
    /// Notes that an attempt begins.
    pub(super) fn begin(&self) {
        self.lock().began = Some(Instant::now());
    }

    /// Returns how long an attempt in the background has to wait.
    pub(super) fn time_to_next(&self) -> Duration {
        let began = self.lock().began;
        let next = began.map(|began| began + random::jittered(MIN_REST));
        next.map_or(Duration::ZERO, |next| {
            next.saturating_duration_since(Instant::now())
        })
    }

    /// Whether a slot without a node was looked for a short time ago.
    pub(super) fn rests(&self) -> bool {
        let until = self.lock().rests_until;
        until.is_some_and(|until| Instant::now() < until)
    }

    /// A slot was looked for, and a node has it by now.
    pub(super) fn found(&self) {
        let mut pace = self.lock();
        (pace.rests_until, pace.rest) = (None, MIN_REST);
    }

    /// A slot was looked for, and no node has it. All calls that waited for the same
    /// attempt begin one rest.
    pub(super) fn missed(&self) {
        let now = Instant::now();
        let mut pace = self.lock();
        if pace.rests_until.is_none_or(|until| until <= now) {
            pace.rests_until = Some(now + random::jittered(pace.rest));
            pace.rest = (pace.rest * 2).min(MAX_REST);
        }
    }

    /// A panic of another thread leaves it usable.
    fn lock(&self) -> MutexGuard<'_, Pace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// How many of calls that come each millisecond look for a slot.
    async fn looks(pace: &RefreshPace, time: Duration) -> usize {
        let mut looks = 0;
        for _ in 0..time.as_millis() {
            if !pace.rests() {
                looks += 1;
                pace.missed();
            }
            advance(Duration::from_millis(1)).await;
        }
        looks
    }

    #[tokio::test(start_paused = true)]
    async fn rests_grow_until_the_slot_is_found() {
        let pace = RefreshPace::default();
        // 0, 0.1, 0.3, 0.7, 1.5, 3.1, 5.1, 7.1 and 9.1 s, each a tenth more or less.
        let first = looks(&pace, Duration::from_secs(10)).await;
        assert!((8..=10).contains(&first), "{first}");
        pace.found();
        assert!(!pace.rests());
        assert!(looks(&pace, Duration::from_secs(1)).await >= 4);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_wait_for_one_attempt_begin_one_rest() {
        let pace = RefreshPace::default();
        (0..50).for_each(|_| pace.missed());
        advance(2 * MIN_REST).await;
        assert!(!pace.rests());
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_in_the_background_are_apart() {
        let pace = RefreshPace::default();
        assert_eq!(pace.time_to_next(), Duration::ZERO);
        pace.begin();
        let apart = pace.time_to_next();
        assert!(apart >= MIN_REST * 9 / 10 && apart <= MIN_REST * 11 / 10);
        advance(2 * MIN_REST).await;
        assert_eq!(pace.time_to_next(), Duration::ZERO);
    }
}
