//! Waits for the service that calls to be ready, but no longer than the call may
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

use crate::deadline::{Deadline, current, headers::earlier};

/// How long a service has been waited for. A call knows its own deadline only when
/// the service is ready, so the current one counts.
#[derive(Default)]
pub(super) struct Readiness {
    /// Since when it is not ready.
    begun: Option<Instant>,
    timer: Option<Timer>,
    is_over: bool,
}

struct Timer {
    until: Deadline,
    sleep: Pin<Box<Unconstrained<Sleep>>>,
}

impl Readiness {
    /// Passes the service's own readiness on, and is ready too when time is over.
    pub(super) fn poll<E>(
        &mut self,
        inner: Poll<Result<(), E>>,
        call_max: Option<Duration>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), E>> {
        self.is_over = false;
        if inner.is_ready() {
            *self = Self::default();
            return inner;
        }
        ready!(self.poll_over(call_max, cx));
        self.is_over = true;
        Poll::Ready(Ok(()))
    }

    /// Whether it is only ready because time is over, so that the service must not be
    /// called. Begins anew.
    pub(super) fn take_over(&mut self) -> bool {
        mem::take(self).is_over
    }

    fn poll_over(&mut self, call_max: Option<Duration>, cx: &mut Context<'_>) -> Poll<()> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let longest = call_max.map(|most| Deadline::since(begun, most));
        let Some(until) = earlier(current(), longest) else {
            self.timer = None;
            return Poll::Pending;
        };
        if self.timer.as_ref().is_none_or(|it| it.until != until) {
            let sleep = Box::pin(unconstrained(sleep_until(until.instant())));
            self.timer = Some(Timer { until, sleep });
        }
        let timer = self.timer.as_mut();
        timer.map_or(Poll::Pending, |timer| timer.sleep.as_mut().poll(cx))
    }
}
