//! What a local store holds.

/// What the clones of a [`Local`](super::store::Local) store held at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalCounts {
    /// Records, running ones and expired ones that are still there among them.
    pub records: usize,
    /// What they take of the capacity, in bytes.
    pub bytes: usize,
    /// Completed records that were forgotten early, for want of room, so far.
    pub evicted: u64,
}
