//! The value of work, and whether it was done now.

/// The value of work that was done now or before.
///
/// ```
/// use sluicegate::idempotency::RunOutcome;
///
/// let outcome = RunOutcome::Replayed(17);
/// assert!(outcome.is_replayed());
/// assert_eq!(outcome.into_inner(), 17);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunOutcome<T> {
    /// The work was done now.
    Ran(T),
    /// The work was done now, but the store could not save it yet. Further
    /// attempts are made in the background. If they fail, too, the work may be
    /// done again.
    Unsaved(T),
    /// The work was done before.
    Replayed(T),
}

impl<T> RunOutcome<T> {
    /// Returns the value.
    pub fn into_inner(self) -> T {
        match self {
            Self::Ran(value) | Self::Unsaved(value) | Self::Replayed(value) => value,
        }
    }

    /// Returns whether the work was done before.
    pub fn is_replayed(&self) -> bool {
        matches!(self, Self::Replayed(_))
    }
}
