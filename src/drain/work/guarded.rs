//! The future of work under a guard.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
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
        tracked: Option<Tracked>,
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
            tracked: Some(Tracked::new(ticket)),
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
        let tracked = this.tracked.as_mut().expect(POLLED);
        let work = this.work.as_mut().as_pin_mut().expect(POLLED);
        let until = *this.until;
        let is_over = |phase| until.is_some_and(|until| phase >= until);
        let ended = ready!(tracked.poll(cx, is_over, |cx| work.poll(cx)));
        // Dropped before the ticket, so that the drain waits for that, too.
        this.work.set(None);
        *this.tracked = None;
        Poll::Ready(ended.map_err(|_| Aborted))
    }
}

/// The panic of a future that is polled after it was ready.
const POLLED: &str = "polled after it was done";

impl<F> fmt::Debug for Guarded<F> {
    debug_opaque!(Guarded);
}
