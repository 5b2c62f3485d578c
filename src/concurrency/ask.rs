//! A caller's request for a permit.

use super::priority::Rank;
use crate::deadline::Deadline;

/// A request for a permit: how important the work is, and until when its
/// result is of use.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::{concurrency::Ask, criticality::Criticality, deadline::Deadline};
///
/// let ask = Ask::new()
///     .rank(Criticality::Sheddable)
///     .before(Deadline::after(Duration::from_secs(1)));
/// assert_eq!(ask.rank.criticality(), Criticality::Sheddable);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ask {
    /// How important the work is.
    pub rank: Rank,
    /// The instant after which the result is of no use.
    pub deadline: Option<Deadline>,
}

impl Ask {
    /// Returns a request of the default rank, without a deadline.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how important the work is.
    #[must_use]
    pub fn rank(self, rank: impl Into<Rank>) -> Self {
        let rank = rank.into();
        Self { rank, ..self }
    }

    /// Sets the instant after which the result is of no use. A request whose
    /// turn would come later does not wait.
    #[must_use]
    pub fn before(self, deadline: Deadline) -> Self {
        let deadline = Some(deadline);
        Self { deadline, ..self }
    }
}
