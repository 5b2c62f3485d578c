//! How a hold ends that is dropped before it is settled.

/// How a [`Hold`](super::Hold) ends that is dropped before it is settled:
/// [`Keep`] or [`GiveBack`].
pub trait DropRule: sealed::Sealed {
    /// Returns the cost that remains charged, out of the estimate.
    #[doc(hidden)]
    fn kept(estimate: u64) -> u64;
}

/// A dropped hold keeps its estimate charged: the work may have been done.
#[derive(Clone, Copy, Debug)]
pub struct Keep;

/// A dropped hold gives its estimate back: work that did not report has not
/// been done.
#[derive(Clone, Copy, Debug)]
pub struct GiveBack;

impl DropRule for Keep {
    fn kept(estimate: u64) -> u64 {
        estimate
    }
}

impl DropRule for GiveBack {
    fn kept(_estimate: u64) -> u64 {
        0
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Keep {}
    impl Sealed for super::GiveBack {}
}
