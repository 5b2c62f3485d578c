//! What is done when there is a panic.

use std::mem;

/// Runs `work`, and if that panics gives what was held to `then` while the panic
/// goes on its way. Whoever drops the rest later cannot tell any more why.
#[inline]
pub(crate) fn run<T, R>(held: &mut Option<T>, then: fn(T), work: impl FnOnce() -> R) -> R {
    let guard = PanicGuard { held, then };
    let done = work();
    mem::forget(guard);
    done
}

struct PanicGuard<'a, T> {
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
