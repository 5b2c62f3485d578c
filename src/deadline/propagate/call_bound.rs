//! The end of one call. The future waits for it, and then the body.
//!
//! There are two ends, because the callee is told less than is left: a margin,
//! the rounding, and the way to it. An answer counts until the caller's own
//! end. An error or `CANCELLED` that comes after the callee's end is the
//! deadline, because that is how callees and clients give up.

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
/// The status `CANCELLED` of gRPC.
const CANCELLED: &str = "1";

/// Until when a call is waited for, and what its callee was told.
#[derive(Clone, Copy)]
pub(super) struct CallTimes {
    pub(super) until: Instant,
    /// When the call began, from which `told` counts.
    pub(super) begun: Instant,
    /// The timeout that the callee was told.
    pub(super) told: Duration,
    /// Whether this server chose it, and not the caller of the request that
    /// the call is for.
    pub(super) is_own: bool,
}

/// The end of a call that was sent.
pub(super) struct CallBound {
    times: CallTimes,
    /// Made when it is first needed, and boxed, so that the body takes over the
    /// timer of the head. Unconstrained, because a body that uses up the budget
    /// of its task would keep it from firing.
    timer: Option<Pin<Box<Unconstrained<Sleep>>>>,
}

impl CallBound {
    /// Returns the end of a call with these times.
    #[inline]
    pub(super) fn new(times: CallTimes) -> Self {
        Self { times, timer: None }
    }

    /// Returns whether this server chose the time.
    pub(super) fn is_own(&self) -> bool {
        self.times.is_own
    }

    /// Begins anew, with this much time.
    pub(super) fn begin(&mut self, time: Duration) {
        let now = Instant::now();
        *self = Self::new(CallTimes {
            until: Deadline::since(now, time).instant(),
            begun: now,
            told: time,
            is_own: true,
        });
    }

    /// Waits until the time is over.
    #[inline(never)]
    pub(super) fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = || Box::pin(unconstrained(sleep_until(self.times.until)));
        self.timer.get_or_insert_with(timer).as_mut().poll(cx)
    }

    /// Returns whether a head that comes now is late. One that comes exactly at
    /// the deadline is in time. So is one that is there at the first poll: the
    /// call has not waited for it, and the clock is not read.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.timer.is_some() && self.times.until < Instant::now()
    }

    /// Returns whether the time is over.
    pub(super) fn is_passed(&self) -> bool {
        self.times.until <= Instant::now()
    }

    /// Returns whether the callee, or a client that reads what the callee is
    /// told, should have given up by now. The header may have told one part in
    /// 100,000 less.
    pub(super) fn is_passed_there(&self) -> bool {
        let told = self.times.told - self.times.told / 100_000;
        let until = self.times.begun.checked_add(told);
        until.is_some_and(|until| until <= Instant::now())
    }

    /// Returns whether these headers or trailers say that the callee has given
    /// up.
    #[inline]
    pub(super) fn has_cancelled(&self, headers: &HeaderMap) -> bool {
        headers.get(&STATUS).is_some_and(|code| code == CANCELLED) && self.is_passed_there()
    }
}

impl fmt::Debug for CallBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.times.until.saturating_duration_since(Instant::now());
        f.debug_struct("CallBound")
            .field("left", &left)
            .field("told", &self.times.told)
            .finish_non_exhaustive()
    }
}
