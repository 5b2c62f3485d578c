//! The bound on closures that say what a request costs.

use crate::limit::rules::quota::Cost;

/// Says what a request costs. Implemented for functions from a request to a
/// [`Cost`], and for `()`, with which every request costs 1.
pub trait Weigh<Req> {
    /// Returns the cost of this request. A cost of 0 passes unless the budget
    /// is in debt.
    fn weigh(&self, req: &Req) -> Cost;
}

impl<Req> Weigh<Req> for () {
    #[inline]
    fn weigh(&self, _req: &Req) -> Cost {
        1
    }
}

impl<Req, F: Fn(&Req) -> Cost> Weigh<Req> for F {
    fn weigh(&self, req: &Req) -> Cost {
        self(req)
    }
}
