//! The pauses of a waiting caller between two calls.
//!
//! They only matter if a message is lost, or if messages cannot be used.

use std::time::Duration;

use ahash::RandomState;

/// The first pause. Short work is found soon after its end.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause. It bounds how late a lost message is noticed.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Each pause is twice as long as the one before, up to a second, and then
/// shortened by up to half at random, so that the callers do not all ask at
/// once.
pub(super) struct Pauses {
    /// The next pause, before it is shortened.
    next: Duration,
    /// Differs between callers.
    random: RandomState,
}

impl Pauses {
    /// Returns the next pause.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.next;
        self.next = (2 * whole).min(MAX_PAUSE);
        let random = self.random.hash_one(whole) as u32;
        whole / 2 + (whole / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            next: FIRST_PAUSE,
            random: RandomState::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_second_and_differ() {
        let series = || {
            let mut pauses = Pauses::default();
            [0; 8].map(|_| pauses.next())
        };
        let (one, other) = (series(), series());
        for (nth, pause) in one.iter().enumerate() {
            let whole = MAX_PAUSE.min(FIRST_PAUSE * (1 << nth));
            assert!((whole / 2..=whole).contains(pause), "{pause:?}");
        }
        assert_ne!(one, other);
    }
}
