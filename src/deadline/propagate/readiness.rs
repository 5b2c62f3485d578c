//! Waits for the inner service to be ready, but no longer than the call may
//! take.

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    task::{Unconstrained, unconstrained},
    time::{Instant, Sleep, sleep_until},
};

use crate::deadline::{Deadline, current, deadline::earlier};

/// How long the service has been waited for. The deadline of the request is not
/// known until the service is ready, so the current one counts.
#[derive(Default)]
pub(super) struct Readiness {
    /// Since when the service is not ready.
    begun: Option<Instant>,
    timer: Option<ReadyTimer>,
    /// Set while the service is ready only to refuse the call.
    over: Option<TimeOver>,
}

/// The time was over before the service was ready.
#[derive(Clone, Copy)]
pub(super) struct TimeOver {
    /// Whether this server chose the time.
    pub(super) is_own: bool,
}

/// A timer for one deadline, kept as long as that stays the same.
struct ReadyTimer {
    until: Deadline,
    sleep: Pin<Box<Unconstrained<Sleep>>>,
}

impl Readiness {
    /// Passes on the readiness of the inner service, and is also ready once the
    /// time is over.
    #[inline]
    pub(super) fn poll<E>(
        &mut self,
        inner: Poll<Result<(), E>>,
        call_max: Option<Duration>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), E>> {
        if inner.is_ready() {
            _ = self.take_over();
            return inner;
        }
        // A service may be polled again after it was ready to refuse.
        self.over = None;
        self.over = Some(ready!(self.poll_over(call_max, cx)));
        Poll::Ready(Ok(()))
    }

    /// Returns whether it is ready only because the time is over, so that the
    /// inner service must not be called. Begins anew.
    #[inline]
    pub(super) fn take_over(&mut self) -> Option<TimeOver> {
        // Most services are ready at once, and nothing is set then.
        self.begun?;
        mem::take(self).over
    }

    /// Waits until the time is over; forever if nothing bounds it.
    fn poll_over(&mut self, call_max: Option<Duration>, cx: &mut Context<'_>) -> Poll<TimeOver> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let longest = call_max.map(|most| Deadline::since(begun, most));
        let current = current();
        let Some(until) = earlier(current, longest) else {
            self.timer = None;
            return Poll::Pending;
        };
        if self.timer.as_ref().is_none_or(|it| it.until != until) {
            let sleep = Box::pin(unconstrained(sleep_until(until.instant())));
            self.timer = Some(ReadyTimer { until, sleep });
        }
        let timer = self.timer.as_mut();
        let over = TimeOver {
            is_own: current.is_none_or(|current| until < current),
        };
        timer.map_or(Poll::Pending, |timer| {
            timer.sleep.as_mut().poll(cx).map(|()| over)
        })
    }
}
