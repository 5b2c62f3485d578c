//! Keeps work in flight, until it is dropped.

use std::sync::Arc;

use super::in_flight::{Late, WorkKey};
use super::work_name::WorkName;
use crate::drain::{
    observe::Event,
    state::{DrainState, Phase},
};

/// Work in flight. Its drop ends the work.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) state: Arc<DrainState>,
    place: WorkKey,
    /// Whether the work has come to its end.
    has_ended: bool,
}

impl Ticket {
    /// Admits a request, unless it is late.
    #[inline]
    pub(crate) fn enter(state: &Arc<DrainState>, name: WorkName) -> Result<Self, Late> {
        let place = state.in_flight.enter(&state.phase, name)?;
        Ok(Self {
            state: Arc::clone(state),
            place,
            has_ended: false,
        })
    }

    /// Adds work that is not a request. Its end is its drop.
    pub(crate) fn named(state: &Arc<DrainState>, name: &'static str) -> Self {
        Self {
            state: Arc::clone(state),
            place: state.in_flight.add(WorkName::Named(name)),
            has_ended: true,
        }
    }

    /// Adds further work under the same name.
    pub(crate) fn guard(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            place: self.state.in_flight.add_guard_of(self.place),
            has_ended: true,
        }
    }

    /// Ends a request that has come to its end.
    #[inline]
    pub(crate) fn end(mut self) {
        self.has_ended = true;
    }

    /// Ends a request whose connection became a tunnel.
    pub(crate) fn upgraded(self) {
        if self.state.in_flight.is_unguarded(self.place) {
            self.state.notice(&Event::Unguarded);
        }
        self.end();
    }

    /// Has this task woken by last words and by the abort.
    pub(crate) fn set_waker(&self, waker: std::task::Waker) {
        self.state.in_flight.set_waker(self.place, waker);
    }
}

impl Drop for Ticket {
    #[inline]
    fn drop(&mut self) {
        let Self {
            state,
            place,
            has_ended,
        } = self;
        let end = state.in_flight.remove(*place, *has_ended, &state.phase);
        if let Some(end) = end {
            state.notice(&Event::Ended(end));
            if state.phase.load() >= Phase::Draining {
                state.left();
            }
        }
    }
}
