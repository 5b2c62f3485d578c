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
    observe::{Event, Stage},
    running::{Running, Step},
    terms::Terms,
    watch::{Expire, Ticket},
};
use crate::{
    refusal::{BoxError, Refusal, trailers},
    sync::{Mutex, lock},
};

/// How long after its deadline a body of known size is kept that no server asks
/// for: its frames go out whole as long as they are there when they are asked for.
const LINGER: Duration = Duration::from_secs(30);

pub(super) struct Watched<B> {
    held: Arc<Held<B>>,
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
    until: Instant,
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
        running: Running<B>,
        terms: Arc<Terms>,
        content_type: Option<HeaderValue>,
        until: Instant,
        is_sized: bool,
    ) -> Self {
        let state = Mutex::new(State::Waiting(running, None));
        let held = Arc::new(Held {
            terms,
            until,
            is_sized,
            state,
        });
        let lingers_until = until.checked_add(LINGER).filter(|_| is_sized);
        let at = lingers_until.unwrap_or(until);
        let ticket = held.terms.watch.add(at, held.clone());
        Self {
            expire: held.clone(),
            held,
            ticket,
            wake: None,
            content_type,
        }
    }
}

impl<B> Held<B> {
    fn is_late(&self) -> bool {
        self.until <= Instant::now()
    }

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
        drop(running);
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
    /// Keeps a late body of known size for the time that a server may take to ask
    /// for more.
    fn linger(&mut self) {
        let watch = &self.held.terms.watch;
        watch.remove(self.ticket);
        self.ticket = watch.add(Instant::now() + LINGER, self.expire.clone());
    }

    /// Has the runtime that polls the body watch it.
    fn follow(&mut self) {
        let watch = &self.held.terms.watch;
        watch.follow(&mut self.ticket);
        if let Some(wake) = &mut self.wake {
            watch.follow(wake);
        }
    }

    /// Has the server that waits for a frame woken at the deadline.
    fn wake_at_deadline(&mut self, cx: &Context<'_>) {
        let Held { terms, until, .. } = &*self.held;
        let wake = || {
            terms
                .watch
                .add(*until, Arc::new(AtDeadline(self.expire.clone())))
        };
        self.wake.get_or_insert_with(wake);
        // The watch may have come while the body was polled.
        if self.held.is_late() {
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
        let is_late = self.held.is_late();
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
            ended => ended,
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
            self.wake_at_deadline(cx);
        }
        Step::Pending
    }

    /// Keeps it for its next frame. Late or not, this one was in time.
    fn keep(&mut self, running: Running<B>, is_late: bool) {
        self.held.put_back(running, None);
        if is_late {
            self.linger();
        }
    }

    /// What it ends with: never as if it were whole.
    fn late(&self) -> Step<B::Data> {
        let refusal = Refusal::deadline_exceeded();
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
    use crate::deadline::{Counts, Deadline, errand::Errand};

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
            until: deadline.instant(),
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
