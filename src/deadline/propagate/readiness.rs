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

use crate::deadline::{Deadline, current, enforce::headers::earlier};

/// How long a service has been waited for. A call knows its own deadline only when
/// the service is ready, so the current one counts.
#[derive(Default)]
pub(super) struct Readiness {
    /// Since when it is not ready.
    begun: Option<Instant>,
    timer: Option<Timer>,
    over: Option<Over>,
}

/// Time is over, which was the server's own or not.
#[derive(Clone, Copy)]
pub(super) struct Over {
    pub(super) is_own: bool,
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
        self.over = None;
        if inner.is_ready() {
            *self = Self::default();
            return inner;
        }
        self.over = Some(ready!(self.poll_over(call_max, cx)));
        Poll::Ready(Ok(()))
    }

    /// Whether it is only ready because time is over, so that the service must not be
    /// called. Begins anew.
    pub(super) fn take_over(&mut self) -> Option<Over> {
        mem::take(self).over
    }

    fn poll_over(&mut self, call_max: Option<Duration>, cx: &mut Context<'_>) -> Poll<Over> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let longest = call_max.map(|most| Deadline::since(begun, most));
        let current = current();
        let Some(until) = earlier(current, longest) else {
            self.timer = None;
            return Poll::Pending;
        };
        if self.timer.as_ref().is_none_or(|it| it.until != until) {
            let sleep = Box::pin(unconstrained(sleep_until(until.instant())));
            self.timer = Some(Timer { until, sleep });
        }
        let timer = self.timer.as_mut();
        let over = Over {
            is_own: current.is_none_or(|current| until < current),
        };
        timer.map_or(Poll::Pending, |timer| {
            timer.sleep.as_mut().poll(cx).map(|()| over)
        })
    }
}
