//! The user's decision of what a request took.

use super::end::End;
use crate::{limit::rules::quota::Cost, red::Outcome};

/// Says what a request really cost. Implemented for functions from an [`End`]
/// to a [`Cost`], and for [`ChargeWhen`].
///
/// It runs when the body has ended, and when the response is dropped. It must
/// not block. If it panics, the estimate stays charged.
pub trait ActualCost {
    /// Returns what the request cost.
    fn actual_cost(&self, end: &End<'_>) -> Cost;
}

impl<F: Fn(&End<'_>) -> Cost> ActualCost for F {
    fn actual_cost(&self, end: &End<'_>) -> Cost {
        self(end)
    }
}

/// Charges the estimate if a condition holds at the end, and nothing otherwise;
/// made by
/// [`RateLimitLayer::charge_when`](crate::limit::RateLimitLayer::charge_when).
#[derive(Clone, Copy, Debug)]
pub struct ChargeWhen<F>(pub(in crate::limit::http) F);

impl<F: Fn(&End<'_>) -> bool> ActualCost for ChargeWhen<F> {
    fn actual_cost(&self, end: &End<'_>) -> Cost {
        match (self.0)(end) {
            true => end.estimate(),
            false => 0,
        }
    }
}

/// A condition for requests that the service refused: those whose outcome is
/// [`ClientError`](Outcome::ClientError), such as 401 or `UNAUTHENTICATED`.
/// Requests that were shed or cancelled are not among them.
pub fn refused() -> fn(&End<'_>) -> bool {
    |end| end.outcome() == Outcome::ClientError
}

/// A condition for requests that failed; see [`Outcome::is_failure`].
pub fn failed() -> fn(&End<'_>) -> bool {
    |end| end.outcome().is_failure()
}

/// A condition for requests that succeeded: those whose outcome is
/// [`Ok`](Outcome::Ok).
pub fn ok() -> fn(&End<'_>) -> bool {
    |end| end.outcome() == Outcome::Ok
}
