//! The drain that the running work belongs to, without passing it as an
//! argument. `Tracked` puts it in place around each poll; `DrainGuard` and the
//! cancellations of `deadline` read it.

use std::{cell::Cell, sync::Arc};

use super::ticket::Ticket;
use crate::drain::state::DrainState;

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
}

/// The owner of the work on this thread.
#[derive(Debug)]
pub(crate) enum Current {
    /// A request, or work under a guard.
    Work(Ticket),
    /// Work in another task, which the drain does not wait for.
    Carried(Arc<DrainState>),
}

impl Current {
    fn state(&self) -> &Arc<DrainState> {
        match self {
            Self::Work(ticket) => &ticket.state,
            Self::Carried(state) => state,
        }
    }

    /// Returns whether the calling work belongs to a drain.
    pub(crate) fn is_set() -> bool {
        with(|_| ()).is_some()
    }

    /// Exchanges this for that of the thread.
    #[inline]
    pub(crate) fn swap(own: &mut Option<Self>) {
        // Fails only while the thread ends; then the work sees no drain.
        _ = CURRENT.try_with(|current| *own = current.replace(own.take()));
    }

    /// Puts this in place until the guard is dropped.
    #[inline]
    pub(crate) fn enter(own: &mut Option<Self>) -> Inside<'_> {
        Self::swap(own);
        Inside(own)
    }
}

/// Restores what was in place before, also after a panic.
#[must_use]
pub(crate) struct Inside<'a>(&'a mut Option<Current>);

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        Current::swap(self.0);
    }
}

/// Calls `read` with what the calling work belongs to.
fn with<T>(read: impl FnOnce(&Current) -> T) -> Option<T> {
    let read = |cell: &Cell<Option<Current>>| {
        // A `Cell` cannot be read in place.
        let current = cell.take();
        let result = current.as_ref().map(read);
        cell.set(current);
        result
    };
    CURRENT.try_with(read).ok().flatten()
}

/// Returns the drain that the calling work belongs to.
pub(crate) fn current_state() -> Option<Arc<DrainState>> {
    with(|current| Arc::clone(current.state()))
}

/// Returns a ticket for more work of the calling one. Work in another task has
/// no name of its own.
pub(super) fn current_guard() -> Option<Ticket> {
    with(|current| match current {
        Current::Work(ticket) => ticket.guard(),
        Current::Carried(state) => Ticket::named(state, "carried work"),
    })
}
