//! Tells deadlines that callers chose, shorter than the server's own, from the
//! server's: only the latter count as failures of the server.

use http::Extensions;

use crate::deadline::Deadline;

/// In the extensions of a request: its [`Deadline`] was chosen by the caller.
/// Layers further in read it. It has no size, so it allocates nothing.
#[derive(Clone, Copy)]
pub(super) struct ChosenByCaller;

/// Returns whether the request with these extensions has a deadline that its
/// caller chose.
pub(crate) fn is_chosen_by_caller(extensions: &Extensions) -> bool {
    extensions.get::<ChosenByCaller>().is_some()
}

/// In the extensions of a gRPC response: the deadline that ends its body was
/// chosen by the caller. `red` reads it, because the trailers cannot say so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerDeadline(pub(super) Deadline);

impl CallerDeadline {
    /// Returns whether the deadline has passed.
    pub(crate) fn has_passed(self) -> bool {
        self.0.is_expired()
    }
}
