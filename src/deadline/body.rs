//! The body of a response that has a deadline.

use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use http_body::{Body, Frame, SizeHint};

use super::{
    errand::Errand,
    observe::{Event, Stage},
    terms::Terms,
    watch::{Expire, Ticket},
};
use crate::{
    refusal::{BoxError, Refusal},
    sync::{Mutex, lock},
};

/// The inner service's body, until the deadline.
///
/// When it passes, the inner body is dropped, whether anybody polls it or not,
/// and this one ends with an error, which is a [`Refusal`]. A server then resets
/// the stream, so that nobody takes a part for the whole.
pub struct ResponseBody<B>(Kind<B>);

enum Kind<B> {
    /// Without a deadline, or past all that could be late.
    Free(B),
    Watched(Watched<B>),
    /// Ended by an error.
    Broken,
}

struct Watched<B> {
    held: Arc<Held<B>>,
    ticket: Ticket,
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

struct Running<B> {
    body: B,
    errand: Errand,
}

type Polled<D, E> = Poll<Option<Result<Frame<D>, E>>>;

impl<B> ResponseBody<B> {
    pub(super) fn free(body: B) -> Self {
        Self(Kind::Free(body))
    }
}

impl<B: Body + Send + 'static> ResponseBody<B> {
    /// A body that is at its end needs no watch.
    pub(super) fn under(errand: Errand, terms: Arc<Terms>, body: B) -> Self {
        if body.is_end_stream() {
            errand.done();
            return Self::free(body);
        }
        let (at, watch) = (errand.deadline().instant(), terms.watch.clone());
        let state = State::Waiting(Running { body, errand }, None);
        let state = Mutex::new(state);
        let held = Arc::new(Held { terms, state });
        let ticket = watch.add(at, held.clone());
        Self(Kind::Watched(Watched { held, ticket }))
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
            self.exceeded(running);
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

impl<B: Body<Error: Into<BoxError>> + Unpin> Watched<B> {
    /// Polls the body, and says what is left to be if it is not this any more.
    fn poll(&self, cx: &mut Context<'_>) -> (Polled<B::Data, BoxError>, Option<Kind<B>>) {
        let Some(mut running) = self.held.take() else {
            return (late(), Some(Kind::Broken));
        };
        let polled = running.poll(cx).map_err(Into::into);
        match &polled {
            Poll::Pending => match self.held.put_back(running, Some(cx.waker().clone())) {
                true => (polled, None),
                false => (late(), Some(Kind::Broken)),
            },
            Poll::Ready(Some(Err(_))) => (polled, Some(Kind::Broken)),
            Poll::Ready(Some(Ok(_))) if !running.body.is_end_stream() => {
                // Late or not, this frame was in time.
                self.held.put_back(running, None);
                (polled, None)
            }
            Poll::Ready(_) => {
                running.errand.done();
                (polled, Some(Kind::Free(running.body)))
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

fn late<D>() -> Polled<D, BoxError> {
    Poll::Ready(Some(Err(Refusal::deadline_exceeded().into())))
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        self.held.terms.watch.remove(self.ticket);
    }
}

impl<B: Body<Error: Into<BoxError>> + Unpin> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let kind = &mut self.get_mut().0;
        match kind {
            Kind::Free(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Kind::Watched(watched) => {
                let (polled, next) = watched.poll(cx);
                if let Some(next) = next {
                    *kind = next;
                }
                polled
            }
            Kind::Broken => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Free(body) => body.is_end_stream(),
            Kind::Watched(watched) => watched.is_end_stream(),
            Kind::Broken => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Free(body) => body.size_hint(),
            Kind::Watched(watched) => watched.size_hint(),
            Kind::Broken => SizeHint::with_exact(0),
        }
    }
}

impl<B: Body> Watched<B> {
    fn is_end_stream(&self) -> bool {
        match &*lock(&self.held.state) {
            State::Waiting(running, _) => running.body.is_end_stream(),
            State::Polled | State::Expired => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &*lock(&self.held.state) {
            State::Waiting(running, _) => running.body.size_hint(),
            State::Polled | State::Expired => SizeHint::default(),
        }
    }
}

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::free(B::default())
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Kind::Free(_) => "Free",
            Kind::Watched(_) => "Watched",
            Kind::Broken => "Broken",
        };
        f.debug_tuple("ResponseBody").field(&kind).finish()
    }
}
