use std::{cmp, time::Duration};

/// What a callee is not told of, so that its answer comes back in time.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::deadline::Margin;
///
/// const MS: Duration = Duration::from_millis(1);
/// assert_eq!(Margin::default().off(10_000 * MS), 9_900 * MS);
/// assert_eq!(Margin::default().off(100 * MS), 90 * MS);
/// assert_eq!(Margin::fixed(250 * MS).off(100 * MS), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margin {
    most: Duration,
    is_fixed: bool,
}

impl Margin {
    /// At most so much, and never more than a tenth of what is left; so a call
    /// is never kept from being sent by it alone.
    pub const fn up_to(most: Duration) -> Self {
        let is_fixed = false;
        Self { most, is_fixed }
    }

    /// Exactly so much, as Envoy does. What has no more than that left is not
    /// sent.
    pub const fn fixed(margin: Duration) -> Self {
        let (most, is_fixed) = (margin, true);
        Self { most, is_fixed }
    }

    /// None.
    pub const fn none() -> Self {
        Self::fixed(Duration::ZERO)
    }

    /// What is left without it.
    #[must_use]
    pub fn off(self, left: Duration) -> Duration {
        let margin = match self.is_fixed {
            true => self.most,
            false => cmp::min(self.most, left / 10),
        };
        left.saturating_sub(margin)
    }
}

impl Default for Margin {
    /// Up to 100 ms.
    fn default() -> Self {
        Self::up_to(Duration::from_millis(100))
    }
}
