//! What a durable store holds.

/// What a [`Durable`](super::store::Durable) store held at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DurableCounts {
    /// Records, running ones and expired ones that are still there among them.
    pub records: u64,
    /// What they take of the capacity, in bytes.
    pub bytes: u64,
    /// Completed records that were forgotten early, for want of room, since it was
    /// opened.
    pub evicted: u64,
}
