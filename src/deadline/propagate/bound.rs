use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderName};
use tokio::{
    task::{Unconstrained, unconstrained},
    time::{Instant, Sleep, sleep_until},
};

use crate::deadline::Deadline;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// `CANCELLED`, as headers have it.
const CANCELLED: &str = "1";

/// Until when a call is waited for, and what its callee was told of that.
pub(super) struct Bound {
    until: Instant,
    begun: Instant,
    told: Duration,
    /// Whether the server that calls chose it, and not whoever chose the deadline of
    /// the request that the call is for.
    is_own: bool,
    // Made when there is something to wait for, and in a box, so that the body
    // has the timer of the head. Unconstrained, for what always uses up the
    // budget of its task would keep the timer from being looked at.
    timer: Option<Pin<Box<Unconstrained<Sleep>>>>,
}

impl Bound {
    #[inline]
    pub(super) fn new(until: Instant, begun: Instant, told: Duration) -> Self {
        Self {
            until,
            begun,
            told,
            is_own: false,
            timer: None,
        }
    }

    /// The same, if it is the server's own.
    #[inline]
    pub(super) fn own(self, is_own: bool) -> Self {
        Self { is_own, ..self }
    }

    pub(super) fn is_own(&self) -> bool {
        self.is_own
    }

    /// Begins anew, with so much time.
    pub(super) fn begin(&mut self, time: Duration) {
        let now = Instant::now();
        *self = Self::new(Deadline::since(now, time).instant(), now, time).own(true);
    }

    /// Ready when time is over.
    pub(super) fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = || Box::pin(unconstrained(sleep_until(self.until)));
        self.timer.get_or_insert_with(timer).as_mut().poll(cx)
    }

    /// Whether a head that is there now comes too late. One that is there with the
    /// deadline is in time.
    pub(super) fn is_over(&self) -> bool {
        self.until < Instant::now()
    }

    pub(super) fn is_passed(&self) -> bool {
        self.until <= Instant::now()
    }

    /// Whether the callee, or a client that reads what it is told, was to have
    /// given up by now. It may have been told of one part in 100,000 less.
    pub(super) fn is_passed_there(&self) -> bool {
        let told = self.told - self.told / 100_000;
        let until = self.begun.checked_add(told);
        until.is_some_and(|until| until <= Instant::now())
    }

    /// Whether this is how a callee says that it has given up.
    #[inline]
    pub(super) fn has_cancelled(&self, answer: &HeaderMap) -> bool {
        answer.get(&STATUS).is_some_and(|code| code == CANCELLED) && self.is_passed_there()
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.until.saturating_duration_since(Instant::now());
        f.debug_struct("Bound")
            .field("left", &left)
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
