//! A body that is dropped when its time is over, even if it is not polled.

use std::{sync::Arc, task::Context, time::Duration};

use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::{
    body_deadline::{BodyDeadline, LINGER},
    scoped_body::{BodyPoll, ScopedBody},
    shared_body::{SharedBody, TimedBody, WakeAtDeadline},
};
use crate::{
    deadline::{
        Deadline,
        enforce::{settings::EnforceSettings, timer::TimerKey},
    },
    refusal::{BoxError, Refusal, trailers},
};

/// A body under a deadline, as the response body polls it.
pub(crate) struct ExpiringBody<B> {
    shared: Arc<SharedBody<B>>,
    /// The same body, as the timer has it.
    timed: Arc<dyn TimedBody>,
    deadline: BodyDeadline,
    /// The timer that drops the body.
    drop_timer: TimerKey,
    /// The timer that wakes the server of a body of known size, set once such a
    /// body was pending.
    wake_timer: Option<TimerKey>,
    /// The content type of the request: to gRPC, the end is told in trailers.
    content_type: Option<HeaderValue>,
}

impl<B: Body + Send + 'static> ExpiringBody<B> {
    /// Starts the timer that drops the body.
    pub(crate) fn new(
        mut body: ScopedBody<B>,
        settings: Arc<EnforceSettings>,
        content_type: Option<HeaderValue>,
        deadline: BodyDeadline,
        is_sized: bool,
    ) -> Self {
        if deadline.between.is_some() {
            body.scope.show(Deadline::at(deadline.until));
        }
        let shared = Arc::new(SharedBody::new(settings, is_sized, body));
        let timers = &shared.settings.timers;
        let drop_timer = timers.add(deadline.drop_at(is_sized), shared.clone());
        Self {
            timed: shared.clone(),
            shared,
            deadline,
            drop_timer,
            wake_timer: None,
            content_type,
        }
    }
}

impl<B> ExpiringBody<B> {
    /// Changes when the timer drops the body.
    fn drop_at(&mut self, at: Instant) {
        let timers = &self.shared.settings.timers;
        timers.remove(self.drop_timer);
        self.drop_timer = timers.add(at, self.timed.clone());
    }

    /// Begins the time of the next frame.
    fn begin_frame(&mut self, body: &mut ScopedBody<B>, between: Duration) {
        self.deadline.until = Instant::now() + between;
        body.scope.show(Deadline::at(self.deadline.until));
        if let Some(timer) = self.wake_timer.take() {
            self.shared.settings.timers.remove(timer);
        }
        self.drop_at(self.deadline.drop_at(self.shared.is_sized));
    }

    /// Moves the timers to the runtime that polls the body.
    fn follow(&mut self) {
        let timers = &self.shared.settings.timers;
        timers.follow(&mut self.drop_timer);
        if let Some(timer) = &mut self.wake_timer {
            timers.follow(timer);
        }
    }

    /// Has the server woken at the deadline, if it waits for a frame then.
    fn wake_in_time(&mut self, cx: &Context<'_>) {
        let (timers, until) = (&self.shared.settings.timers, self.deadline.until);
        let add = || timers.add(until, Arc::new(WakeAtDeadline(self.timed.clone())));
        self.wake_timer.get_or_insert_with(add);
        // The timer may have fired while the body was polled.
        if self.deadline.has_passed() {
            cx.waker().wake_by_ref();
        }
    }
}

impl<B: Body<Error: Into<BoxError>> + Unpin> ExpiringBody<B> {
    /// Polls the body, unless its time is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> BodyPoll<B::Data> {
        self.follow();
        let Some(mut body) = self.shared.take() else {
            return self.late();
        };
        // The clock decides, too: the timer may fire a little late, and a body
        // that always has a frame may keep its task from running at all.
        let is_late = self.deadline.has_passed();
        if is_late && !self.shared.is_sized {
            self.shared.end(body);
            return self.late();
        }
        match body.poll(cx) {
            BodyPoll::Pending => self.pending(body, is_late, cx),
            BodyPoll::Frame(frame) => {
                self.keep(body, is_late);
                BodyPoll::Frame(frame)
            }
            BodyPoll::Failed(error) => BodyPoll::Failed(self.attribute(error)),
            ended => ended,
        }
    }

    /// Notes in the refusal of a call that ended the body whose deadline it is.
    fn attribute(&self, error: BoxError) -> BoxError {
        match error.downcast::<Refusal>() {
            Ok(refusal) => refusal.by_caller(self.deadline.is_callers).into(),
            Err(error) => error,
        }
    }

    /// Keeps a body that has no frame yet, unless it is late.
    fn pending(
        &mut self,
        body: ScopedBody<B>,
        was_late: bool,
        cx: &Context<'_>,
    ) -> BodyPoll<B::Data> {
        if was_late {
            // A body of known size must not wait after the deadline.
            self.shared.end(body);
            return self.late();
        }
        let waker = cx.waker().clone();
        if !self.shared.put_back(body, Some(waker)) {
            return self.late();
        }
        if self.shared.is_sized {
            self.wake_in_time(cx);
        }
        BodyPoll::Pending
    }

    /// Keeps the body for its next frame. The present one was in time.
    fn keep(&mut self, mut body: ScopedBody<B>, is_late: bool) {
        if let Some(between) = self.deadline.between {
            self.begin_frame(&mut body, between);
        } else if is_late {
            // The server still takes frames, so the next one gets as long
            // again.
            self.drop_at(Instant::now() + LINGER);
        }
        self.shared.put_back(body, None);
    }

    /// Returns the end of a late body, which never looks like a whole one.
    fn late(&self) -> BodyPoll<B::Data> {
        let refusal = Refusal::deadline_exceeded().by_caller(self.deadline.is_callers);
        match trailers(&refusal, self.content_type.as_ref()) {
            Some(trailers) => BodyPoll::End(Some(Frame::trailers(trailers))),
            None => BodyPoll::Failed(refusal.into()),
        }
    }
}

impl<B: Body> ExpiringBody<B> {
    /// Returns false for a dropped body, because its end is still to be told.
    pub(super) fn is_end_stream(&self) -> bool {
        self.shared.read(B::is_end_stream).unwrap_or(false)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.shared.read(B::size_hint).unwrap_or_default()
    }
}

/// Stops the timers. The scope, dropped with the body, fires the cancellation
/// unless the body has ended.
impl<B> Drop for ExpiringBody<B> {
    fn drop(&mut self) {
        let timers = [Some(self.drop_timer), self.wake_timer];
        for timer in timers.into_iter().flatten() {
            self.shared.settings.timers.remove(timer);
        }
    }
}
