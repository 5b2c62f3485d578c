//! What a registry did.

/// What the clones of a [`Registry`](super::registry::Registry) had counted at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Holders that were told of a cancellation.
    pub told: u64,
    /// Answers that were made without Redis, by this process's own clock.
    pub fell_back: u64,
    /// How often the subscription to cancellations began.
    pub subscribed: u64,
    /// Deadlines that were asked for again, since a message may have been lost.
    pub rechecked: u64,
}
