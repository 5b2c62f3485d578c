//! The deadline, and the cancellation of the request, that the work on this
//! thread sees. `enforce` and [`Scope`](super::Scope) put it in place around
//! each poll, and `current` reads it.
//!
//! 1. `RequestScope` calls `RequestView::enter`, which puts its deadlines in
//!    place and keeps what was there.
//! 2. The work calls `deadline::cancellation()`, which makes the signal if it
//!    is the first to ask, and leaves it in the thread-local.
//! 3. `Entered::end` moves the signal back to the request. If the work panics,
//!    the guard's drop fires it.
//!
//! So a request without a signal allocates nothing, and takes two copies of a
//! few words for each poll.

use std::{cell::Cell, mem};

use super::{Cancellation, Deadline};

thread_local! {
    /// Swapped by hand, and without a destructor, because all requests pass
    /// here.
    pub(super) static VIEW: Cell<View> = const { Cell::new(View::NONE) };
    /// Empty unless the view says that there are signals, which is rare.
    static SIGNALS: Cell<Signals> = const { Cell::new(Signals::NONE) };
}

/// The deadline that ends a request; `None` if none does.
pub(super) type Until = Option<Deadline>;

/// The deadlines that the work on a thread sees.
#[derive(Clone, Copy)]
pub(super) struct View {
    /// The current deadline.
    pub(super) deadline: Option<Deadline>,
    /// The deadline that ends the request; `None` outside of all requests.
    pub(super) until: Option<Until>,
    /// Whether there are signals.
    pub(super) has_signals: bool,
}

/// The signals that the work on a thread sees.
#[derive(Default)]
pub(super) struct Signals {
    /// That of the request, once it was asked for.
    pub(super) request: Option<Cancellation>,
    /// In another task than the request's: the signal of the request, which
    /// says whether the current deadline still counts.
    pub(super) carried: Option<Cancellation>,
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
    pub(super) const NONE: Self = Self {
        request: None,
        carried: None,
    };
}

/// Calls `work` with the signals of this thread; `None` while the thread ends.
pub(super) fn with_signals<T>(work: impl FnOnce(&mut Signals) -> T) -> Option<T> {
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

/// Puts these signals in place and returns what was there.
pub(super) fn swap(mut next: Signals) -> Signals {
    with_signals(|signals| mem::swap(signals, &mut next));
    next
}
