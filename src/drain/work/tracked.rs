//! Work that is polled: what futures and bodies have in common.

use std::task::{Context, Waker};

use super::{
    current::{Current, Inside},
    ticket::Ticket,
};
use crate::drain::state::Phase;

/// A ticket, and the task that was registered with it. Without a ticket, the
/// work has ended.
#[derive(Debug)]
pub(crate) struct Tracked {
    current: Option<Current>,
    /// The waker that was registered last.
    registered: Option<Waker>,
}

impl Tracked {
    pub(crate) fn new(ticket: Ticket) -> Self {
        Self {
            current: Some(Current::Work(ticket)),
            registered: None,
        }
    }

    /// Lets the work see its drain until the guard is dropped.
    #[inline]
    pub(crate) fn enter(&mut self) -> Inside<'_> {
        Current::enter(&mut self.current)
    }

    fn ticket(&self) -> Option<&Ticket> {
        match &self.current {
            Some(Current::Work(ticket)) => Some(ticket),
            _ => None,
        }
    }

    /// Takes the ticket, whose drop ends the work.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Ticket> {
        match self.current.take() {
            Some(Current::Work(ticket)) => Some(ticket),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        self.ticket()
            .map_or(Phase::Serving, |ticket| ticket.state.phase.load())
    }

    /// Registers the task, whose work is pending. Returns the phase
    /// afterwards: a change before that did not wake it.
    #[inline]
    pub(crate) fn pending(&mut self, cx: &Context<'_>) -> Phase {
        let waker = cx.waker();
        let is_known = |known: &Waker| known.will_wake(waker);
        if !self.registered.as_ref().is_some_and(is_known) {
            if let Some(ticket) = self.ticket() {
                ticket.set_waker(waker.clone());
            }
            self.registered = Some(waker.clone());
        }
        self.phase()
    }
}
