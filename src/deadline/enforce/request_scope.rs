//! What is done for one request, and what it sees of its deadline.

use std::{cell::Cell, mem};

use crate::deadline::{Cancellation, Cause, Deadline, current::within};

thread_local! {
    /// What is run at present. Swapped by hand, for every request goes through
    /// here, and a task-local would move its answer through closures.
    static ASKED: Cell<Asked> = const { Cell::new(Asked::NOBODY) };
}

/// The signal of the errand that this is called from.
pub(in crate::deadline) fn signal() -> Option<Cancellation> {
    ask(Asked::signal)
}

/// The same, if this deadline ends the errand.
pub(in crate::deadline) fn signal_under(deadline: Deadline) -> Option<Cancellation> {
    ask(|asked| {
        let is_its = asked.errand == Some(Some(deadline));
        is_its.then(|| asked.signal()).flatten()
    })
}

fn ask<T>(question: impl FnOnce(&mut Asked) -> Option<T>) -> Option<T> {
    let answer = ASKED.try_with(|asked| {
        let mut kept = asked.take();
        let answer = question(&mut kept);
        asked.set(kept);
        answer
    });
    answer.ok().flatten()
}

/// When a deadline ends an errand, if there is an errand, and its signal, once
/// somebody has asked for it. Dropped then, it fires.
struct Asked {
    errand: Option<Until>,
    signal: Option<Cancellation>,
}

/// The deadline that ends an errand; `None` if none does.
pub(super) type Until = Option<Deadline>;

impl Asked {
    const NOBODY: Self = Self {
        errand: None,
        signal: None,
    };

    fn signal(&mut self) -> Option<Cancellation> {
        let until = self.errand?;
        let make = || Cancellation::of(until);
        Some(self.signal.get_or_insert_with(make).clone())
    }
}

impl Default for Asked {
    fn default() -> Self {
        Self::NOBODY
    }
}

impl Drop for Asked {
    #[inline]
    fn drop(&mut self) {
        if let Some(signal) = self.signal.take() {
            signal.fire();
        }
    }
}

/// Puts an errand's signal in reach, and what was there back when it is done. If
/// that is a panic, the errand's signal is dropped.
struct Reach {
    outer: Option<Asked>,
}

impl Reach {
    #[inline]
    fn of(asked: &mut Asked) -> Self {
        let asked = mem::take(asked);
        let outer = Some(swap(asked));
        Self { outer }
    }

    #[inline]
    fn end(mut self) -> Asked {
        self.outer.take().map(swap).unwrap_or_default()
    }
}

impl Drop for Reach {
    #[inline]
    fn drop(&mut self) {
        drop(self.outer.take().map(swap));
    }
}

#[inline]
fn swap(asked: Asked) -> Asked {
    ASKED.with(|present| present.replace(asked))
}

/// What is done for one request. Dropped before it is done, or by a panic, it fires the signal.
pub(super) struct Errand {
    /// What the work is told.
    deadline: Option<Deadline>,
    asked: Asked,
}

impl Errand {
    /// Under the request's deadline, and ended by this one, if by any.
    #[inline]
    pub(super) fn new(deadline: Deadline, until: Until) -> Self {
        let asked = Asked {
            errand: Some(until),
            signal: None,
        };
        let deadline = Some(deadline);
        Self { deadline, asked }
    }

    /// The deadline that ends it, as long as no piece of the work is done.
    #[inline]
    pub(super) fn until(&self) -> Until {
        self.asked.errand.flatten()
    }

    /// The signal, asked for before the work begins.
    pub(super) fn signal(&mut self) -> Option<Cancellation> {
        self.asked.signal()
    }

    /// Does a piece of the work under the deadline, and in reach of the signal.
    #[inline]
    pub(super) fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let reach = Reach::of(&mut self.asked);
        let done = within(self.deadline, work);
        self.asked = reach.end();
        done
    }

    /// From now on the deadline does not count.
    pub(super) fn lift(&mut self) {
        self.deadline = None;
        self.asked.errand = Some(None);
        if let Some(signal) = &self.asked.signal {
            signal.lift();
        }
    }

    /// Tells the work of another deadline.
    pub(super) fn tell(&mut self, deadline: Deadline) {
        self.deadline = Some(deadline);
    }

    /// Its time is over.
    pub(super) fn exceeded(mut self) {
        if let Some(signal) = self.asked.signal.take() {
            signal.fire_for(Cause::Deadline);
        }
    }

    /// The answer is complete: nothing is left that could be cancelled.
    #[inline]
    pub(super) fn done(&mut self) {
        self.asked.signal = None;
    }
}
