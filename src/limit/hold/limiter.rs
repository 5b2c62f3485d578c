//! The contract of a limiter that can hold.

use super::holding::Holding;
use crate::limit::{
    limiter::{Limiter, Wait},
    others::Others,
    rules::quota::Cost,
};

/// A limiter that charges an estimate, which is settled later.
///
/// Implemented by [`Local`](crate::limit::Local), `Redis`,
/// [`Tiers`](crate::limit::Tiers), and [`All`](crate::limit::All), where a hold
/// charges and settles all buckets.
pub trait HoldLimiter<K: ?Sized>: Limiter<K> {
    /// Charges `estimate` if it is there, like [`Limiter::check`]. Does not
    /// sleep: if the decision of the hold is a verdict of
    /// [`Queue`](crate::limit::Verdict::Queue), the caller has to.
    fn hold(&self, key: &K, estimate: Cost) -> Holding<Self::Error>;

    /// Charges `estimate`, or books it and sleeps until it is there, like
    /// [`Limiter::until_ready`].
    fn hold_until_ready(&self, key: &K, estimate: Cost, wait: Wait) -> Holding<Self::Error>;

    /// The same, and notes the decision of each limit in `others` if there are
    /// several; see [`Limiter::until_ready_noting`].
    fn hold_until_ready_noting(
        &self,
        key: &K,
        estimate: Cost,
        wait: Wait,
        others: &mut Others,
    ) -> Holding<Self::Error> {
        let _ = others;
        self.hold_until_ready(key, estimate, wait)
    }
}
