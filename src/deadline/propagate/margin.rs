//! The time that a response needs for its way back, so that it comes before the
//! caller has given up. `settings` takes it off what a callee is told.

use std::{cmp, time::Duration};

/// The part of the remaining time that a callee is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Margin {
    /// At most this long, and at most a tenth of the remaining time, so that it
    /// never keeps a call from being sent.
    UpTo(Duration),
    /// Exactly this long. A call that has no more time left is not sent.
    Fixed(Duration),
}

impl Margin {
    /// Returns what is left without the margin.
    pub(super) fn off(self, left: Duration) -> Duration {
        let margin = match self {
            Self::UpTo(most) => cmp::min(most, left / 10),
            Self::Fixed(margin) => margin,
        };
        left.saturating_sub(margin)
    }
}

impl Default for Margin {
    fn default() -> Self {
        Self::UpTo(Duration::from_millis(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_tenth_of_a_short_time_unless_it_is_fixed() {
        const MS: Duration = Duration::from_millis(1);
        assert_eq!(Margin::default().off(10_000 * MS), 9_900 * MS);
        assert_eq!(Margin::default().off(100 * MS), 90 * MS);
        assert_eq!(Margin::Fixed(250 * MS).off(100 * MS), Duration::ZERO);
    }
}
