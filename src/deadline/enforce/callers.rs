//! Tells deadlines that callers chose, shorter than the server's own, from those of
//! the server: the latter are the server's failures, the former are not.

use crate::deadline::Deadline;

/// Among the extensions of a request: its [`Deadline`] is the caller's. Layers further
/// in are told by it. It has no size, so that it takes no memory of its own.
#[derive(Clone, Copy)]
pub(super) struct CallersOwn;

/// Among the extensions of a gRPC response: the deadline that ends its body is the
/// caller's. The trailers that tell of it can say nothing else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallersDeadline(pub(super) Deadline);

impl CallersDeadline {
    pub(crate) fn has_passed(self) -> bool {
        self.0.is_expired()
    }
}
