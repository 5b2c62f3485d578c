//! The deadlines of one request, as its future and its body put them in place.
//! `enforce` owns them.

use std::mem;

use super::{
    Cancellation, Deadline,
    view::{Signals, Until, VIEW, View, swap},
};

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
