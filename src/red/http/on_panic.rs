//! Notices panics of the inner service. Futures, bodies and calls use it to
//! count the outcome `panic`.

use std::mem;

/// Runs `work`. If it panics, takes what is held and gives it to `then`, while
/// the panic continues to unwind.
///
/// Without this, the value would be dropped during the unwinding, where its
/// destructor could not tell a panic from a cancellation.
#[inline]
pub(crate) fn run<T, R>(held: &mut Option<T>, then: fn(T), work: impl FnOnce() -> R) -> R {
    let guard = PanicGuard { held, then };
    let done = work();
    // Forgotten rather than dropped, because dropping it means a panic.
    mem::forget(guard);
    done
}

/// Calls `then` when it is dropped. It is forgotten when the work returns.
struct PanicGuard<'a, T> {
    /// Taken when the work panics.
    held: &'a mut Option<T>,
    then: fn(T),
}

impl<T> Drop for PanicGuard<'_, T> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            (self.then)(held);
        }
    }
}
