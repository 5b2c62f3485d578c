//! Work that is polled: what futures and bodies have in common.

use std::task::{Context, Poll, Waker};

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

    /// Polls the work. Returns the phase in place of a result if the drain ends
    /// the work in it, as `is_over` says.
    #[inline]
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        is_over: impl Fn(Phase) -> bool,
        work: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, Phase>> {
        let phase = self.phase();
        if is_over(phase) {
            return Poll::Ready(Err(phase));
        }
        let inside = self.enter();
        let polled = work(cx);
        drop(inside);
        if let Poll::Ready(result) = polled {
            return Poll::Ready(Ok(result));
        }
        // A change of the phase before the registration has not woken the task.
        self.register(cx);
        let phase = self.phase();
        match is_over(phase) {
            true => Poll::Ready(Err(phase)),
            false => Poll::Pending,
        }
    }

    fn ticket(&self) -> Option<&Ticket> {
        match &self.current {
            Some(Current::Work(ticket)) => Some(ticket),
            _ => None,
        }
    }

    /// Returns the ticket, whose drop ends the work.
    #[inline]
    pub(crate) fn into_ticket(self) -> Option<Ticket> {
        match self.current {
            Some(Current::Work(ticket)) => Some(ticket),
            _ => None,
        }
    }

    /// Ends work that has come to its end.
    #[inline]
    pub(crate) fn end(self) {
        if let Some(ticket) = self.into_ticket() {
            ticket.end();
        }
    }

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        self.ticket()
            .map_or(Phase::Serving, |ticket| ticket.state.phase.load())
    }

    /// Registers the task, whose work is pending.
    #[inline]
    fn register(&mut self, cx: &Context<'_>) {
        let waker = cx.waker();
        let is_known = |known: &Waker| known.will_wake(waker);
        if self.registered.as_ref().is_some_and(is_known) {
            return;
        }
        if let Some(ticket) = self.ticket() {
            ticket.set_waker(waker.clone());
        }
        self.registered = Some(waker.clone());
    }
}
