//! What is done when there is a panic.

use std::mem;

/// Runs `work`, and if that panics gives what was held to `then` while the panic
/// goes on its way. Whoever drops the rest later cannot tell any more why.
#[inline]
pub(crate) fn or_else<T, R>(held: &mut Option<T>, then: fn(T), work: impl FnOnce() -> R) -> R {
    let bomb = Bomb { held, then };
    let done = work();
    mem::forget(bomb);
    done
}

struct Bomb<'a, T> {
    held: &'a mut Option<T>,
    then: fn(T),
}

impl<T> Drop for Bomb<'_, T> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            (self.then)(held);
        }
    }
}
