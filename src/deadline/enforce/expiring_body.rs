//! A body that is dropped when its time is over, though nobody polls it.

use std::{
    mem,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::{
    scoped_body::{Running, Step},
    settings::Terms,
    timer::{Expire, Ticket},
};
use crate::deadline::{
    Deadline,
    coverage::Extent,
    observe::{Event, Stage},
};
use crate::{
    refusal::{BoxError, Refusal, trailers},
    sync::{Mutex, lock},
};

/// How long after its deadline a body of known size is kept that no server asks
/// for: its frames go out whole as long as they are there when they are asked for.
const LINGER: Duration = Duration::from_secs(30);

/// How long a body has.
#[derive(Clone, Copy)]
pub(super) struct Span {
    until: Instant,
    /// Begins anew with each frame.
    between: Option<Duration>,
    /// It is the caller's deadline.
    is_callers: bool,
}

impl Span {
    /// After the head; `None` if the deadline does not bound the body.
    pub(super) fn of(extent: Extent, deadline: Deadline, is_callers: bool) -> Option<Self> {
        let (until, between, is_callers) = match extent {
            Extent::Whole => (deadline, None, is_callers),
            Extent::Head => return None,
            Extent::Frames(between) => (Deadline::after(between), Some(between), false),
        };
        Some(Self {
            until: until.instant(),
            between,
            is_callers,
        })
    }

    fn is_over(&self) -> bool {
        self.until <= Instant::now()
    }

    /// When the body is dropped if no server asks for it.
    fn drop_at(&self, is_sized: bool) -> Instant {
        let lingers = self.until.checked_add(LINGER).filter(|_| is_sized);
        lingers.unwrap_or(self.until)
    }
}

pub(super) struct Watched<B> {
    held: Arc<Held<B>>,
    span: Span,
    /// The same, as the watch has it.
    expire: Arc<dyn Wake>,
    ticket: Ticket,
    /// Of a body of known size, once it has been pending.
    wake: Option<Ticket>,
    /// Of the request: gRPC is told in trailers.
    content_type: Option<HeaderValue>,
}

/// What the body and the watch both hold.
struct Held<B> {
    terms: Arc<Terms>,
    /// Whether the server has told the client how long the body is.
    is_sized: bool,
    state: Mutex<State<B>>,
}

enum State<B> {
    Waiting(Running<B>, Option<Waker>),
    /// It is being polled, outside of the lock.
    Polled,
    Expired,
}

impl<B: Body + Send + 'static> Watched<B> {
    pub(super) fn new(
        mut running: Running<B>,
        terms: Arc<Terms>,
        content_type: Option<HeaderValue>,
        span: Span,
        is_sized: bool,
    ) -> Self {
        if span.between.is_some() {
            running.errand.tell(Deadline::at(span.until));
        }
        let state = Mutex::new(State::Waiting(running, None));
        let held = Arc::new(Held {
            terms,
            is_sized,
            state,
        });
        let ticket = held.terms.watch.add(span.drop_at(is_sized), held.clone());
        Self {
            span,
            expire: held.clone(),
            held,
            ticket,
            wake: None,
            content_type,
        }
    }
}

impl<B> Held<B> {
    /// Takes the body out to poll it, unless it was dropped.
    fn take(&self) -> Option<Running<B>> {
        let mut state = lock(&self.state);
        match mem::replace(&mut *state, State::Polled) {
            State::Waiting(running, _) => Some(running),
            // A body that panicked when it was polled has no clean end either.
            State::Polled | State::Expired => None,
        }
    }

    /// Puts it back, and answers whether there was time for that.
    fn put_back(&self, running: Running<B>, waker: Option<Waker>) -> bool {
        let mut state = lock(&self.state);
        let in_time = matches!(*state, State::Polled);
        if in_time {
            *state = State::Waiting(running, waker);
        } else {
            drop(state);
            self.exceeded(running);
        }
        in_time
    }

    fn exceeded(&self, running: Running<B>) {
        self.terms.notice(Event::Exceeded(Stage::Body));
        running.errand.exceeded();
    }
}

impl<B: Send> Expire for Held<B> {
    fn expire(&self) {
        let mut state = lock(&self.state);
        if self.is_sized && matches!(*state, State::Polled) {
            return;
        }
        let was = mem::replace(&mut *state, State::Expired);
        drop(state);
        if let State::Waiting(running, waker) = was {
            // First, for to drop the body may panic.
            waker.into_iter().for_each(Waker::wake);
            self.exceeded(running);
        }
    }
}

/// A body of known size, whose server is woken at the deadline. It finds out whether
/// there is a frame by now, so the body is not dropped then.
trait Wake: Expire {
    fn wake(&self);
}

impl<B: Send> Wake for Held<B> {
    fn wake(&self) {
        let waker = match &mut *lock(&self.state) {
            State::Waiting(_, waker) => waker.take(),
            State::Polled | State::Expired => None,
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

struct AtDeadline(Arc<dyn Wake>);

impl Expire for AtDeadline {
    fn expire(&self) {
        self.0.wake();
    }
}

impl<B> Watched<B> {
    /// Has the watch drop the body at another time.
    fn drop_at(&mut self, at: Instant) {
        let watch = &self.held.terms.watch;
        watch.remove(self.ticket);
        self.ticket = watch.add(at, self.expire.clone());
    }

    /// Begins the time of the next frame.
    fn begin(&mut self, running: &mut Running<B>, between: Duration) {
        self.span.until = Instant::now() + between;
        running.errand.tell(Deadline::at(self.span.until));
        if let Some(wake) = self.wake.take() {
            self.held.terms.watch.remove(wake);
        }
        self.drop_at(self.span.drop_at(self.held.is_sized));
    }

    /// Has the runtime that polls the body watch it.
    fn follow(&mut self) {
        let watch = &self.held.terms.watch;
        watch.follow(&mut self.ticket);
        if let Some(wake) = &mut self.wake {
            watch.follow(wake);
        }
    }

    /// Has the server that waits for a frame woken when its time is over.
    fn wake_in_time(&mut self, cx: &Context<'_>) {
        let (watch, until) = (&self.held.terms.watch, self.span.until);
        let wake = || watch.add(until, Arc::new(AtDeadline(self.expire.clone())));
        self.wake.get_or_insert_with(wake);
        // The watch may have come while the body was polled.
        if self.span.is_over() {
            cx.waker().wake_by_ref();
        }
    }
}

impl<B: Body<Error: Into<BoxError>> + Unpin> Watched<B> {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Step<B::Data> {
        self.follow();
        let Some(mut running) = self.held.take() else {
            return self.late();
        };
        // The watch may come a little later than this, and a body that always has
        // more may never let it come.
        let is_late = self.span.is_over();
        if is_late && !self.held.is_sized {
            self.held.exceeded(running);
            return self.late();
        }
        match running.poll(cx) {
            Step::Pending => self.pending(running, is_late, cx),
            Step::Frame(frame) => {
                self.keep(running, is_late);
                Step::Frame(frame)
            }
            Step::Failed(error) => Step::Failed(self.told(error)),
            ended => ended,
        }
    }

    /// Says whose deadline it is, where a call ends the body by it.
    fn told(&self, error: BoxError) -> BoxError {
        match error.downcast::<Refusal>() {
            Ok(refusal) => refusal.by_caller(self.span.is_callers).into(),
            Err(error) => error,
        }
    }

    fn pending(&mut self, running: Running<B>, was_late: bool, cx: &Context<'_>) -> Step<B::Data> {
        if was_late {
            self.held.exceeded(running);
            return self.late();
        }
        if !self.held.put_back(running, Some(cx.waker().clone())) {
            return self.late();
        }
        if self.held.is_sized {
            self.wake_in_time(cx);
        }
        Step::Pending
    }

    /// Keeps it for its next frame. Late or not, this one was in time.
    fn keep(&mut self, mut running: Running<B>, is_late: bool) {
        if let Some(between) = self.span.between {
            self.begin(&mut running, between);
        } else if is_late {
            self.drop_at(Instant::now() + LINGER);
        }
        self.held.put_back(running, None);
    }

    /// What it ends with: never as if it were whole.
    fn late(&self) -> Step<B::Data> {
        let refusal = Refusal::deadline_exceeded().by_caller(self.span.is_callers);
        match trailers(&refusal, self.content_type.as_ref()) {
            Some(trailers) => Step::End(Some(Frame::trailers(trailers))),
            None => Step::Failed(refusal.into()),
        }
    }
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        let tickets = [Some(self.ticket), self.wake];
        for ticket in tickets.into_iter().flatten() {
            self.held.terms.watch.remove(ticket);
        }
    }
}

impl<B: Body> Watched<B> {
    pub(super) fn is_end_stream(&self) -> bool {
        match &*lock(&self.held.state) {
            State::Waiting(running, _) => running.body.is_end_stream(),
            State::Polled | State::Expired => false,
        }
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match &*lock(&self.held.state) {
            State::Waiting(running, _) => running.body.size_hint(),
            State::Polled | State::Expired => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::deadline::{Counts, enforce::request_scope::Errand};

    fn held(counts: &Arc<Counts>) -> Held<String> {
        let mut terms = Terms::new();
        terms.observer = Some(counts.clone());
        let deadline = Deadline::after(Duration::from_secs(1));
        let errand = Errand::new(deadline, Some(deadline));
        let body = String::from("x");
        let state = Mutex::new(State::Waiting(Running { body, errand }, None));
        let terms = Arc::new(terms);
        Held {
            terms,
            is_sized: false,
            state,
        }
    }

    #[test]
    fn whoever_polls_when_it_expires_finds_that_out() {
        let counts = Arc::new(Counts::default());
        let held = held(&counts);
        let running = held.take().unwrap();
        held.expire();
        assert!(!held.put_back(running, None));
        assert!(held.take().is_none());
        held.expire();
        assert_eq!(counts.snapshot().exceeded_in_body, 1);
    }

    #[test]
    fn what_had_its_end_meanwhile_was_not_late() {
        let counts = Arc::new(Counts::default());
        let held = held(&counts);
        let mut running = held.take().unwrap();
        held.expire();
        running.errand.done();
        assert_eq!(counts.snapshot().exceeded_in_body, 0);
    }
}
