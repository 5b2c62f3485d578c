//! Notices panics of the inner service. Futures, bodies and calls use it to
//! count the outcome `panic`.

use std::mem;

/// Runs `work` under [`watch`].
#[inline]
pub(crate) fn run<T, R>(held: &mut Option<T>, then: fn(T), work: impl FnOnce() -> R) -> R {
    let watch = watch(held, then);
    let done = work();
    watch.returned();
    done
}

/// Returns a guard to keep while the inner service works. If that panics, the
/// guard takes what is held and gives it to `then`, while the panic continues
/// to unwind.
///
/// Without this, the value would be dropped during the unwinding, where its
/// destructor could not tell a panic from a cancellation.
#[inline]
pub(crate) fn watch<T>(held: &mut Option<T>, then: fn(T)) -> PanicGuard<'_, T> {
    PanicGuard { held, then }
}

/// Calls `then` when it is dropped: [`returned`](Self::returned) was not
/// called, so the work has panicked.
#[must_use]
pub(crate) struct PanicGuard<'a, T> {
    /// Taken when the work panics.
    held: &'a mut Option<T>,
    then: fn(T),
}

impl<T> PanicGuard<'_, T> {
    /// Ends the watch: the work has returned.
    #[inline]
    pub(crate) fn returned(self) {
        mem::forget(self);
    }
}

impl<T> Drop for PanicGuard<'_, T> {
    #[cold]
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            (self.then)(held);
        }
    }
}
