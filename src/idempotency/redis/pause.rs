//! How long to wait before asking again.

use std::time::Duration;

use ahash::RandomState;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// Each twice as long as the one before, up to a second, less up to half of that
/// by chance: not all who wait ask at once.
pub(super) struct Pauses {
    next: Duration,
    chance: RandomState,
}

impl Pauses {
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.next;
        self.next = (2 * whole).min(LONGEST);
        let chance = self.chance.hash_one(whole) as u32;
        whole / 2 + (whole / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX))
    }
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            next: FIRST,
            chance: RandomState::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_grow_up_to_a_second_and_differ() {
        let series = || {
            let mut pauses = Pauses::default();
            [0; 8].map(|_| pauses.next())
        };
        let (one, other) = (series(), series());
        for (nth, pause) in one.iter().enumerate() {
            let whole = LONGEST.min(FIRST * (1 << nth));
            assert!((whole / 2..=whole).contains(pause), "{pause:?}");
        }
        assert_ne!(one, other);
    }
}
