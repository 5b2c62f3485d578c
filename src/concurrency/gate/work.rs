//! The work of one permit, from which an adaptive limit learns.

use std::time::Duration;

use tokio::time::Instant;

/// The work that one permit admitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// When it ended.
    pub(crate) at: Instant,
    /// From the admission to the end.
    pub(crate) took: Duration,
    /// The permits in flight at the admission, with this one.
    pub(crate) in_flight: u32,
    /// How it ended.
    pub(crate) end: WorkEnd,
}

/// How the work of a [`Permit`](super::Permit) ended, as far as it tells an adaptive limit how
/// loaded the service is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkEnd {
    /// It was done, and took as long as such work takes.
    Whole,
    /// It failed quickly for a reason of its own, such as a status of 4xx, so
    /// its duration says nothing.
    Failed,
    /// It met an overload: its deadline passed, or a service behind this one
    /// refused it.
    Overloaded,
    /// Nothing is known, because the caller went away or the work is a stream.
    #[default]
    Ignored,
}
