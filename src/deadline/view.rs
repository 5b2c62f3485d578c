//! The deadline, and the cancellation of the request, that the work on this
//! thread sees. `enforce` and [`Scope`](super::Scope) put it in
//! place around each poll, and `current` reads it.
//!
//! 1. `RequestScope` calls [`RequestView::enter`], which puts its deadlines in
//!    place and keeps what was there.
//! 2. The work calls `deadline::cancellation()`, which makes the signal if it
//!    is the first to ask, and leaves it in the thread-local.
//! 3. [`Entered::end`] moves the signal back to the request. If the work
//!    panics, the guard's drop fires it.
//!
//! So a request without a signal allocates nothing, and takes two copies of a
//! few words for each poll.

use std::{cell::Cell, mem};

use super::{Cancellation, Deadline};

thread_local! {
    /// Swapped by hand, and without a destructor, because all requests pass
    /// here.
    static VIEW: Cell<View> = const { Cell::new(View::NONE) };
    /// Empty unless the view says that there are signals, which is rare.
    static SIGNALS: Cell<Signals> = const { Cell::new(Signals::NONE) };
}

/// The deadline that ends a request; `None` if none does.
pub(super) type Until = Option<Deadline>;

/// The deadlines that the work on a thread sees.
#[derive(Clone, Copy)]
struct View {
    /// The current deadline.
    deadline: Option<Deadline>,
    /// The deadline that ends the request; `None` outside of all requests.
    until: Option<Until>,
    /// Whether there are signals.
    has_signals: bool,
}

/// The signals that the work on a thread sees.
#[derive(Default)]
struct Signals {
    /// That of the request, once it was asked for.
    request: Option<Cancellation>,
    /// In another task than the request's: the signal of the request, which
    /// says whether the current deadline still counts.
    carried: Option<Cancellation>,
}

impl View {
    /// That of a thread without a request.
    const NONE: Self = Self {
        deadline: None,
        until: None,
        has_signals: false,
    };
}

impl Signals {
    /// Those of a thread without a request.
    const NONE: Self = Self {
        request: None,
        carried: None,
    };
}

/// Calls `work` with the signals of this thread; `None` while the thread ends.
fn with_signals<T>(work: impl FnOnce(&mut Signals) -> T) -> Option<T> {
    let result = SIGNALS.try_with(|cell| {
        // A `Cell` cannot be read in place, so the value is taken out
        // meanwhile.
        let mut signals = cell.take();
        let result = work(&mut signals);
        cell.set(signals);
        result
    });
    result.ok()
}

/// Returns the current deadline, if it still counts.
#[inline]
pub(super) fn deadline() -> Option<Deadline> {
    let view = VIEW.get();
    match view.has_signals {
        false => view.deadline,
        true => view.deadline.filter(|_| !is_lifted()),
    }
}

/// Returns whether the request that the current deadline is from says that it
/// no longer counts.
fn is_lifted() -> bool {
    let is_lifted = |signals: &mut Signals| {
        signals
            .carried
            .as_ref()
            .is_some_and(Cancellation::is_lifted)
    };
    with_signals(is_lifted).unwrap_or(false)
}

/// Returns the signal of the request that this is called from.
pub(super) fn signal() -> Option<Cancellation> {
    let view = VIEW.get();
    let until = view.until?;
    let make = || Cancellation::new(until, None);
    let signal = with_signals(|signals| signals.request.get_or_insert_with(make).clone())?;
    VIEW.set(View {
        has_signals: true,
        ..view
    });
    Some(signal)
}

/// The current deadline of work in a [`Scope`](super::Scope), whichever task
/// polls it.
#[derive(Clone, Debug, Default)]
pub(super) struct CurrentView {
    /// The current deadline.
    pub(super) deadline: Option<Deadline>,
    /// The signal of the request that it is from, if that has another task.
    pub(super) carried: Option<Cancellation>,
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
        current
    }

    /// Returns that of the calling work, whether the deadline counts or not.
    pub(super) fn get() -> Self {
        let view = VIEW.get();
        let carried = || with_signals(|signals| signals.carried.clone()).flatten();
        Self {
            deadline: view.deadline,
            carried: view.has_signals.then(carried).flatten(),
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
            current: self,
            deadline: outer.deadline,
        };
        within.swap();
        work()
    }
}

/// Restores the outer current deadline when it is dropped.
struct Within<'a> {
    /// Has the outer signal in place of its own.
    current: &'a mut CurrentView,
    /// The outer deadline.
    deadline: Option<Deadline>,
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
        VIEW.set(View {
            deadline: self.deadline,
            ..VIEW.get()
        });
    }
}

/// The deadlines and the signal that the work of one request sees. The request
/// owns it.
pub(super) struct RequestView {
    /// The current deadline of the work; `None` once it no longer counts.
    pub(super) deadline: Option<Deadline>,
    /// The deadline that ends the request.
    pub(super) until: Until,
    /// The signal, made when it is first asked for. It is in the thread-local
    /// while the work runs.
    pub(super) signal: Option<Cancellation>,
}

impl RequestView {
    /// Puts this in place, until the guard ends.
    #[inline]
    pub(super) fn enter(&mut self) -> Entered<'_> {
        let inner = View {
            deadline: self.deadline,
            until: Some(self.until),
            has_signals: self.signal.is_some(),
        };
        let outer = VIEW.replace(inner);
        let mut entered = Entered {
            view: self,
            outer,
            signals: Signals::NONE,
        };
        if inner.has_signals || outer.has_signals {
            entered.move_signals_in();
        }
        entered
    }
}

/// Keeps what was in place before [`RequestView::enter`]. Dropped without
/// [`end`](Self::end), as by a panic, it fires the signal.
#[must_use]
pub(super) struct Entered<'a> {
    view: &'a mut RequestView,
    outer: View,
    /// The outer signals.
    signals: Signals,
}

impl Entered<'_> {
    /// Restores what was in place before.
    #[inline]
    pub(super) fn end(mut self) {
        self.restore();
        mem::forget(self);
    }

    #[inline]
    fn restore(&mut self) {
        let inner = VIEW.replace(self.outer);
        if inner.has_signals || self.outer.has_signals {
            self.move_signals_out();
        }
    }

    #[cold]
    fn move_signals_in(&mut self) {
        let request = self.view.signal.take();
        self.signals = swap(Signals {
            request,
            carried: None,
        });
    }

    #[cold]
    fn move_signals_out(&mut self) {
        let outer = mem::take(&mut self.signals);
        self.view.signal = swap(outer).request;
    }
}

impl Drop for Entered<'_> {
    #[cold]
    fn drop(&mut self) {
        self.restore();
        if let Some(signal) = self.view.signal.take() {
            signal.fire();
        }
    }
}

/// Puts these signals in place and returns what was there.
fn swap(mut next: Signals) -> Signals {
    with_signals(|signals| mem::swap(signals, &mut next));
    next
}
