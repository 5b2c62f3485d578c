//! One layer for retries in a stack: how a layer knows that another one is
//! around it, or inside it.
//!
//! Two layers would multiply attempts. A layer that is called from inside an
//! attempt of another one passes its call on. It knows that in three ways:
//!
//! * a task-local that is set while an attempt is polled, which costs the first
//!   attempt no allocation,
//! * an extension of a request that is sent again, which also passes through a
//!   buffer and other tasks,
//! * an extension of a failed response that was repeated already.

use http::Extensions;

tokio::task_local! {
    static ATTEMPT: ();
}

/// Marks a request that is sent again, and a response that failed again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeated;

/// Runs a part of an attempt.
pub(super) fn within<T>(work: impl FnOnce() -> T) -> T {
    ATTEMPT.sync_scope((), work)
}

/// Returns whether a request is an attempt of a layer further out.
pub(super) fn is_nested(extensions: &Extensions) -> bool {
    ATTEMPT.try_with(|()| ()).is_ok() || extensions.get::<Repeated>().is_some()
}
