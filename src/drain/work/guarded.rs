//! The future of work under a guard.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{ticket::Ticket, tracked::Tracked};
use crate::drain::state::Phase;

/// Work was dropped by the abort of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the work was aborted, because the process drains")
    }
}

impl Error for Aborted {}

pin_project! {
    /// The future of [`DrainGuard::run`](super::DrainGuard::run): the result of
    /// the work, or [`Aborted`] at the abort, when the work is dropped.
    #[must_use = "futures do nothing unless polled"]
    pub struct Guarded<F> {
        // `None` once it has ended.
        #[pin]
        work: Option<F>,
        tracked: Tracked,
        // The first phase that drops the work; `None` if none does.
        until: Option<Phase>,
    }
}

impl<F> Guarded<F> {
    /// Returns work that the abort drops.
    pub(super) fn until_abort(work: F, ticket: Ticket) -> Self {
        Self::new(work, ticket, Some(Phase::Aborting))
    }

    fn new(work: F, ticket: Ticket, until: Option<Phase>) -> Self {
        Self {
            work: Some(work),
            tracked: Tracked::new(ticket),
            until,
        }
    }
}

impl<F: Future> Guarded<F> {
    /// Runs work that the abort does not drop.
    pub(super) async fn held(work: F, ticket: Ticket) -> F::Output {
        match Self::new(work, ticket, None).await {
            Ok(output) => output,
            Err(Aborted) => unreachable!("no phase drops the work"),
        }
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Aborted>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut ended = Err(Aborted);
        let until = *this.until;
        let may_run = |phase| until.is_none_or(|until| phase < until);
        if may_run(this.tracked.phase())
            && let Some(work) = this.work.as_mut().as_pin_mut()
        {
            let inside = this.tracked.enter();
            let polled = work.poll(cx);
            drop(inside);
            match polled {
                Poll::Ready(output) => ended = Ok(output),
                Poll::Pending if may_run(this.tracked.pending(cx)) => return Poll::Pending,
                Poll::Pending => {}
            }
        }
        // Dropped before the ticket, so that the drain waits for that, too.
        this.work.set(None);
        drop(this.tracked.take());
        Poll::Ready(ended)
    }
}

impl<F> fmt::Debug for Guarded<F> {
    debug_opaque!(Guarded);
}
