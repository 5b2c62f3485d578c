//! The scope in which the work for one request runs: it sees its deadline and
//! its cancellation. The future and the body run each poll in it.

use crate::deadline::{
    Deadline,
    current::within,
    scoped_cancellation::{ScopedCancellation, Until},
};

/// The deadline and the cancellation of one request.
///
/// Dropped before the response is complete, or by a panic, it fires the
/// cancellation.
pub(crate) struct RequestScope {
    /// The current deadline of the work; `None` once it no longer counts.
    deadline: Option<Deadline>,
    /// Not here during [`run`](Self::run), but in the thread-local.
    pub(super) cancellation: ScopedCancellation,
}

impl RequestScope {
    /// Returns the scope of work that sees `deadline`, and that `until` ends.
    #[inline]
    pub(super) fn new(deadline: Deadline, until: Until) -> Self {
        Self {
            deadline: Some(deadline),
            cancellation: ScopedCancellation::new(until),
        }
    }

    /// Runs a piece of the work, which sees the deadline and the signal.
    #[inline]
    pub(super) fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let guard = self.cancellation.enter();
        let result = within(self.deadline, work);
        self.cancellation = guard.end();
        result
    }

    /// Makes the deadline no longer count, after the head of a response that it
    /// does not cover further.
    pub(super) fn lift(&mut self) {
        self.deadline = None;
        self.cancellation.lift();
    }

    /// Shows another deadline to the work.
    pub(super) fn show(&mut self, deadline: Deadline) {
        self.deadline = Some(deadline);
    }
}
