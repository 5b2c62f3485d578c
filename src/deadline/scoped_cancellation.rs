//! The cancellation of the request that runs on this thread.
//!
//! `enforce` puts it in place around each poll, and `current` reads it:
//!
//! 1. `RequestScope::run` calls [`ScopedCancellation::enter`], which moves the
//!    cancellation into the thread-local and keeps what was there.
//! 2. The work calls `deadline::cancellation()`, which makes the signal if it
//!    is the first to ask, and leaves it in the thread-local.
//! 3. [`ScopeGuard::end`] moves the cancellation, now with its signal, back to
//!    the request. If the work panics, the guard's drop removes it, and its own
//!    drop fires the signal.
//!
//! So a request without a signal allocates nothing.

use std::{cell::Cell, mem};

use super::{CancelCause, Cancellation, Deadline};

thread_local! {
    /// The request that runs on this thread. It is swapped by hand, because all
    /// requests pass here, and a task-local would move their responses through
    /// closures.
    static PRESENT: Cell<ScopedCancellation> = const { Cell::new(ScopedCancellation::NONE) };
}

/// Returns the signal of the request that this is called from.
pub(super) fn signal() -> Option<Cancellation> {
    with_present(ScopedCancellation::signal)
}

/// Returns the same, if this deadline ends the request.
pub(super) fn signal_under(deadline: Deadline) -> Option<Cancellation> {
    with_present(|present| {
        let ends_it = present.until == Some(Some(deadline));
        ends_it.then(|| present.signal()).flatten()
    })
}

/// Calls `read` with the cancellation of this thread. A nested call would see
/// none.
fn with_present<T>(read: impl FnOnce(&mut ScopedCancellation) -> Option<T>) -> Option<T> {
    // Fails only while the thread ends.
    let result = PRESENT.try_with(|cell| {
        // A `Cell` cannot be read in place, so the value is taken out
        // meanwhile.
        let mut present = cell.take();
        let result = read(&mut present);
        cell.set(present);
        result
    });
    result.ok().flatten()
}

/// The deadline that ends a request; `None` if none does.
pub(super) type Until = Option<Deadline>;

/// The signal of one request, made when it is first asked for. It fires when
/// this is dropped.
///
/// The request owns it between polls; during a poll, the thread-local does.
pub(super) struct ScopedCancellation {
    /// The deadline that ends the request; `None` outside of all requests.
    until: Option<Until>,
    signal: Option<Cancellation>,
}

impl ScopedCancellation {
    /// That of a thread without a request.
    const NONE: Self = Self {
        until: None,
        signal: None,
    };

    /// Returns that of a request that this deadline ends, if one does.
    #[inline]
    pub(super) fn new(until: Until) -> Self {
        Self {
            until: Some(until),
            signal: None,
        }
    }

    /// Returns the deadline that ends the request.
    #[inline]
    pub(super) fn until(&self) -> Until {
        self.until.flatten()
    }

    /// Returns the signal; `None` outside of all requests.
    pub(super) fn signal(&mut self) -> Option<Cancellation> {
        let until = self.until?;
        let make = || Cancellation::new(until, None);
        Some(self.signal.get_or_insert_with(make).clone())
    }

    /// Makes no deadline end the request any more.
    pub(super) fn lift(&mut self) {
        self.until = Some(None);
        if let Some(signal) = &self.signal {
            signal.lift();
        }
    }

    /// Fires the signal because the deadline has passed.
    pub(super) fn exceeded(&mut self) {
        if let Some(signal) = self.signal.take() {
            signal.fire_for(CancelCause::Deadline);
        }
    }

    /// Drops the signal without firing it: the response is complete, and
    /// nothing is left to cancel.
    #[inline]
    pub(super) fn done(&mut self) {
        self.signal = None;
    }

    /// Makes this the cancellation of the thread, until the guard ends.
    #[inline]
    pub(super) fn enter(&mut self) -> ScopeGuard {
        let entered = mem::take(self);
        let outer = Some(swap(entered));
        ScopeGuard { outer }
    }
}

impl Default for ScopedCancellation {
    fn default() -> Self {
        Self::NONE
    }
}

impl Drop for ScopedCancellation {
    #[inline]
    fn drop(&mut self) {
        if let Some(signal) = self.signal.take() {
            signal.fire();
        }
    }
}

/// Restores what was in place before [`ScopedCancellation::enter`]. Dropped
/// without [`end`](Self::end), as by a panic, it fires the signal.
pub(super) struct ScopeGuard {
    outer: Option<ScopedCancellation>,
}

impl ScopeGuard {
    /// Restores the outer cancellation and returns the entered one.
    #[inline]
    pub(super) fn end(mut self) -> ScopedCancellation {
        self.outer.take().map(swap).unwrap_or_default()
    }
}

impl Drop for ScopeGuard {
    #[inline]
    fn drop(&mut self) {
        drop(self.outer.take().map(swap));
    }
}

/// Puts `next` in place and returns what was there.
#[inline]
fn swap(next: ScopedCancellation) -> ScopedCancellation {
    PRESENT.with(|present| present.replace(next))
}
