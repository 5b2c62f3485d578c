//! What came of work that is done once.

/// The value of work that is done, and when that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome<T> {
    /// It was done now.
    Ran(T),
    /// It was done now, and the store could not be told yet. That is tried again
    /// in the background; if it fails for good, the work may be done again.
    Unsaved(T),
    /// It was done before.
    Replayed(T),
}

impl<T> Outcome<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        match self {
            Self::Ran(value) | Self::Unsaved(value) | Self::Replayed(value) => value,
        }
    }

    /// Whether it was done before.
    pub fn is_replayed(&self) -> bool {
        matches!(self, Self::Replayed(_))
    }
}
