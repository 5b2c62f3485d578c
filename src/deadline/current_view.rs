//! The current deadline, as it goes along with work from task to task. `current`
//! hands it out.

use std::mem;

use super::{
    Cancellation, Deadline,
    view::{VIEW, View, signal, with_signals},
};
use crate::drain::{Current, current_state};

/// The current deadline of work in a [`Scope`](super::Scope), whichever task
/// polls it.
#[derive(Debug, Default)]
pub(super) struct CurrentView {
    /// The current deadline.
    pub(super) deadline: Option<Deadline>,
    /// The signal of the request that it is from, if that has another task, or
    /// of the claim.
    pub(super) carried: Option<Cancellation>,
    /// The drain of the request that it is from, if that has another task.
    pub(super) drain: Option<Current>,
}

impl CurrentView {
    /// Returns that of the calling work, for use in another task.
    pub(super) fn carry() -> Self {
        let mut current = Self::get();
        let view = VIEW.get();
        // The signal counts only if this very deadline ends the request.
        if current.carried.is_none() && view.deadline.is_some() && view.until == Some(view.deadline)
        {
            current.carried = signal();
        }
        current.drain = current_state().map(Current::Carried);
        current
    }

    /// Returns that of the calling work, whether the deadline counts or not.
    pub(super) fn get() -> Self {
        let view = VIEW.get();
        let carried = || with_signals(|signals| signals.carried.clone()).flatten();
        Self {
            deadline: view.deadline,
            carried: view.has_signals.then(carried).flatten(),
            drain: None,
        }
    }

    /// Calls `work`, which sees this within the request that it is called from.
    pub(super) fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let outer = VIEW.get();
        VIEW.set(View {
            deadline: self.deadline,
            ..outer
        });
        let mut within = Within {
            has_drain: self.enter_drain(),
            current: self,
            deadline: outer.deadline,
        };
        within.swap();
        work()
    }
}

impl CurrentView {
    /// Lets the work see its drain, unless it runs in a task that sees one.
    /// Returns whether it was put in place.
    fn enter_drain(&mut self) -> bool {
        let enters = self.drain.is_some() && !Current::is_set();
        if enters {
            Current::swap(&mut self.drain);
        }
        enters
    }
}

/// Restores the outer current deadline when it is dropped.
struct Within<'a> {
    /// Has the outer signal in place of its own.
    current: &'a mut CurrentView,
    /// The outer deadline.
    deadline: Option<Deadline>,
    /// Whether the drain was put in place.
    has_drain: bool,
}

impl Within<'_> {
    /// Exchanges the signal for that of the thread.
    fn swap(&mut self) {
        let view = VIEW.get();
        if !view.has_signals && self.current.carried.is_none() {
            return;
        }
        let carried = &mut self.current.carried;
        let has_signals = with_signals(|signals| {
            mem::swap(&mut signals.carried, carried);
            signals.carried.is_some() || signals.request.is_some()
        });
        VIEW.set(View {
            has_signals: has_signals.unwrap_or(false),
            ..view
        });
    }
}

impl Drop for Within<'_> {
    fn drop(&mut self) {
        self.swap();
        if self.has_drain {
            Current::swap(&mut self.current.drain);
        }
        VIEW.set(View {
            deadline: self.deadline,
            ..VIEW.get()
        });
    }
}
