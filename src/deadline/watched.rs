//! A body that is dropped when its time is over, though nobody polls it.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};

use super::{
    errand::Errand,
    observe::{Event, Stage},
    terms::Terms,
    watch::{Expire, Ticket},
};
use crate::{
    refusal::{BoxError, Refusal, trailers},
    sync::{Mutex, lock},
};

pub(super) struct Watched<B> {
    held: Arc<Held<B>>,
    ticket: Ticket,
    /// Of the request: gRPC is told in trailers.
    content_type: Option<HeaderValue>,
}

/// What the body and the watch both hold.
struct Held<B> {
    terms: Arc<Terms>,
    state: Mutex<State<B>>,
}

enum State<B> {
    Waiting(Running<B>, Option<Waker>),
    /// It is being polled, outside of the lock.
    Polled,
    Expired,
}

pub(super) struct Running<B> {
    pub(super) body: B,
    pub(super) errand: Errand,
}

/// What is to be when a body was polled.
pub(super) enum Next<B> {
    Same,
    /// It is at its end.
    Free(B),
    /// It ended by an error.
    Broken,
}

type Polled<D, E> = Poll<Option<Result<Frame<D>, E>>>;

impl<B: Send + 'static> Watched<B> {
    pub(super) fn new(
        running: Running<B>,
        terms: Arc<Terms>,
        content_type: Option<HeaderValue>,
    ) -> Self {
        let at = running.errand.deadline().instant();
        let state = Mutex::new(State::Waiting(running, None));
        let held = Arc::new(Held { terms, state });
        let ticket = held.terms.watch.add(at, held.clone());
        Self {
            held,
            ticket,
            content_type,
        }
    }
}

impl<B> Held<B> {
    /// Takes the body out to poll it, unless it is late.
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
        let was = mem::replace(&mut *lock(&self.state), State::Expired);
        if let State::Waiting(running, waker) = was {
            // First, for to drop the body may panic.
            waker.into_iter().for_each(Waker::wake);
            self.exceeded(running);
        }
    }
}

impl<B: Body<Error: Into<BoxError>> + Unpin> Watched<B> {
    /// Polls the body, and says what it is then.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> (Polled<B::Data, BoxError>, Next<B>) {
        self.held.terms.watch.follow(&mut self.ticket);
        let Some(mut running) = self.held.take() else {
            return (self.late(), Next::Broken);
        };
        // The watch may come a little later than this, and a body that always has
        // more may never let it come.
        if running.errand.deadline().is_expired() {
            self.held.exceeded(running);
            return (self.late(), Next::Broken);
        }
        let polled = running.poll(cx).map_err(Into::into);
        match &polled {
            Poll::Pending => match self.held.put_back(running, Some(cx.waker().clone())) {
                true => (polled, Next::Same),
                false => (self.late(), Next::Broken),
            },
            Poll::Ready(Some(Err(_))) => (polled, Next::Broken),
            Poll::Ready(Some(Ok(_))) if !running.body.is_end_stream() => {
                // Late or not, this frame was in time.
                self.held.put_back(running, None);
                (polled, Next::Same)
            }
            Poll::Ready(_) => {
                running.errand.done();
                (polled, Next::Free(running.body))
            }
        }
    }
}

impl<B: Body + Unpin> Running<B> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Polled<B::Data, B::Error> {
        let Self { body, errand } = self;
        errand.run(|| Pin::new(body).poll_frame(cx))
    }
}

impl<B: Body> Watched<B> {
    /// What it ends with: never as if it were whole.
    fn late(&self) -> Polled<B::Data, BoxError> {
        let refusal = Refusal::deadline_exceeded();
        let trailers = trailers(&refusal, self.content_type.as_ref());
        let end = trailers.map(Frame::trailers);
        Poll::Ready(Some(end.ok_or_else(|| refusal.into())))
    }
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        self.held.terms.watch.remove(self.ticket);
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
    use crate::deadline::{Counts, Deadline};

    fn held(counts: &Arc<Counts>) -> Held<String> {
        let mut terms = Terms::new();
        terms.observer = Some(counts.clone());
        let errand = Errand::new(Deadline::after(Duration::from_secs(1)));
        let body = String::from("x");
        let state = Mutex::new(State::Waiting(Running { body, errand }, None));
        let terms = Arc::new(terms);
        Held { terms, state }
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
        let running = held.take().unwrap();
        held.expire();
        running.errand.done();
        assert_eq!(counts.snapshot().exceeded_in_body, 0);
    }
}
