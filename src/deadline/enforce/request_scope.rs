//! The scope in which the work for one request runs: it sees its deadline and
//! its cancellation. The service, the future and the body run in it.

use crate::deadline::{
    CancelCause, Cancellation, Deadline,
    request_view::{Entered, RequestView},
    view::Until,
};

/// The deadline and the cancellation of one request.
///
/// Dropped before the response is complete, or by a panic, it fires the
/// cancellation.
pub(crate) struct RequestScope(RequestView);

impl RequestScope {
    /// Returns the scope of work that sees `deadline`, and that `until` ends.
    #[inline]
    pub(super) fn new(deadline: Deadline, until: Until) -> Self {
        Self(RequestView {
            deadline: Some(deadline),
            until,
            signal: None,
        })
    }

    /// Lets the work see the deadline and the signal, until the guard ends.
    #[inline]
    pub(super) fn enter(&mut self) -> Entered<'_> {
        self.0.enter()
    }

    /// Returns the deadline that ends the request.
    #[inline]
    pub(super) fn until(&self) -> Until {
        self.0.until
    }

    /// Returns the signal, which is made when it is first asked for.
    pub(super) fn signal(&mut self) -> Cancellation {
        let until = self.0.until;
        let make = || Cancellation::new(until, None);
        self.0.signal.get_or_insert_with(make).clone()
    }

    /// Returns whether the signal was asked for.
    #[inline]
    pub(super) fn has_signal(&self) -> bool {
        self.0.signal.is_some()
    }

    /// Makes the deadline no longer count, after the head of a response that it
    /// does not cover further.
    pub(super) fn lift(&mut self) {
        self.0.deadline = None;
        self.0.until = None;
        if let Some(signal) = &self.0.signal {
            signal.lift();
        }
    }

    /// Shows another deadline to the work.
    pub(super) fn show(&mut self, deadline: Deadline) {
        self.0.deadline = Some(deadline);
    }

    /// Fires the signal because the deadline has passed.
    pub(super) fn exceeded(&mut self) {
        if let Some(signal) = self.0.signal.take() {
            signal.fire_for(CancelCause::Deadline);
        }
    }

    /// Drops the signal without firing it: the response is complete, and
    /// nothing is left to cancel.
    #[inline]
    pub(super) fn done(&mut self) {
        self.0.signal = None;
    }
}

impl Drop for RequestScope {
    #[inline]
    fn drop(&mut self) {
        if let Some(signal) = self.0.signal.take() {
            signal.fire();
        }
    }
}
