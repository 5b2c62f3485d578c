//! The counts of an objective.

use std::{iter::Sum, ops::Add};

/// The requests that an objective counts, and how many of them were good.
///
/// ```
/// use sluicegate::red::Events;
///
/// let events = Events { good: 98, total: 100 };
/// assert_eq!((events.bad(), events.error_ratio()), (2, 0.02));
/// let later = Events { good: 198, total: 201 };
/// assert_eq!(later.since(&events), Events { good: 100, total: 101 });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// The good ones.
    pub good: u64,
    /// All that count.
    pub total: u64,
}

impl Events {
    /// Returns how many were not good.
    pub fn bad(&self) -> u64 {
        self.total.saturating_sub(self.good)
    }

    /// Returns the share that was bad; 0 if there were none.
    pub fn error_ratio(&self) -> f64 {
        match self.total {
            0 => 0.0,
            total => self.bad() as f64 / total as f64,
        }
    }

    /// Returns what was added since an earlier time.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            good: self.good.saturating_sub(earlier.good),
            total: self.total.saturating_sub(earlier.total),
        }
    }
}

impl Add for Events {
    type Output = Self;

    fn add(self, others: Self) -> Self {
        Self {
            good: self.good + others.good,
            total: self.total + others.total,
        }
    }
}

impl Sum for Events {
    fn sum<I: Iterator<Item = Self>>(events: I) -> Self {
        events.fold(Self::default(), Self::add)
    }
}
