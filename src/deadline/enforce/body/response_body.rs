//! The body of a response that has a deadline.

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Version;
use http_body::{Body, Frame, SizeHint};

use super::{
    expiring_body::ExpiringBody,
    scoped_body::{BodyPoll, ScopedBody},
};
use crate::{
    flush::Flush,
    refusal::{BoxError, FromText},
};

/// The inner service's body, until the deadline.
///
/// When the deadline passes, the inner body is dropped, even if the server does
/// not poll it, and this one ends with an error, which is a
/// [`Refusal`](crate::refusal::Refusal). The server then resets the stream, so
/// that the client does not take a part for the whole. For gRPC (with the
/// feature `grpc`) it ends with trailers of status 4, `DEADLINE_EXCEEDED`; for
/// gRPC-Web, which has no HTTP trailers, with the error.
///
/// A body whose size is known, by itself or by a `content-length`, goes out
/// whole if its frames are there when the server asks for them, however late
/// that is. It is dropped if it has to wait for a frame after the deadline, or
/// if the server does not ask for 30 seconds.
///
/// An error, also one of the inner body, comes only in a poll that follows a
/// pending one since the head and the last frame, because hyper drops what is
/// still in its buffers: by then the server has sent both. Over HTTP/2, where
/// another task sends, it comes at the earliest 500 ms after the head and 20 ms
/// after the last frame. A client that does not read may still lose what its
/// server could not write.
///
/// A server that waits for its client to take more does not poll the body. The
/// resources of the inner body are freed in time, but the stream is reset only
/// when the client takes something or goes away.
///
/// The inner body has to be `Unpin`, as those of axum, tonic and hyper are,
/// because it is moved while it is polled. Others can be boxed.
pub struct ResponseBody<B> {
    state: State<B>,
    flush: Flush,
}

/// The inner body, or how this one ends.
enum State<B> {
    /// The request has no deadline, or the body was at its end at once.
    Free(B),
    /// The deadline does not end the body.
    Untimed(ScopedBody<B>),
    /// The timer ends the body, even if it is not polled.
    Expiring(ExpiringBody<B>),
    /// Ends with this error once the server has sent what came before.
    Failing(BoxError),
    Ended,
}

impl<B> ResponseBody<B> {
    /// Returns a body that no deadline ends, and in no scope.
    #[inline]
    pub(crate) fn free(body: B, version: Version) -> Self {
        Self::new(State::Free(body), version)
    }

    /// Returns a body that runs in its scope, and that no deadline ends.
    pub(crate) fn untimed(body: ScopedBody<B>, version: Version) -> Self {
        Self::new(State::Untimed(body), version)
    }

    /// Returns a body that ends at its deadline.
    #[inline]
    pub(crate) fn expiring(body: ExpiringBody<B>, version: Version) -> Self {
        Self::new(State::Expiring(body), version)
    }

    #[inline]
    fn new(state: State<B>, version: Version) -> Self {
        let flush = Flush::of(version);
        Self { state, flush }
    }
}

/// The return type of `poll_frame`.
type FramePoll<D> = Poll<Option<Result<Frame<D>, BoxError>>>;

impl<B: Body<Error: Into<BoxError>> + Unpin> State<B> {
    /// Polls the inner body. An error is kept back until the server has sent
    /// the frames before it.
    fn poll(&mut self, flush: &mut Flush, cx: &mut Context<'_>) -> FramePoll<B::Data> {
        let polled = match self {
            Self::Free(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Untimed(body) => {
                let polled = body.poll(cx);
                self.after(polled)
            }
            Self::Expiring(body) => {
                let polled = body.poll(cx);
                self.after(polled)
            }
            Self::Failing(_) | Self::Ended => Poll::Ready(None),
        };
        if let Poll::Ready(Some(Err(error))) = polled {
            // Drops the inner body now, and gives the error later.
            *self = Self::Failing(error);
        } else if !matches!(self, Self::Failing(_)) {
            flush.note(&polled);
            return polled;
        }
        ready!(flush.poll(cx));
        match mem::replace(self, Self::Ended) {
            Self::Failing(error) => Poll::Ready(Some(Err(error))),
            _ => Poll::Ready(None),
        }
    }

    /// Ends when the inner body has ended, and drops it then.
    fn after(&mut self, polled: BodyPoll<B::Data>) -> FramePoll<B::Data> {
        match polled {
            BodyPoll::Pending => Poll::Pending,
            BodyPoll::Frame(frame) => Poll::Ready(Some(Ok(frame))),
            BodyPoll::End(last) => {
                *self = Self::Ended;
                Poll::Ready(last.map(Ok))
            }
            BodyPoll::Failed(error) => Poll::Ready(Some(Err(error))),
        }
    }
}

impl<B: Body<Error: Into<BoxError>> + Unpin> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> FramePoll<B::Data> {
        let Self { state, flush } = self.get_mut();
        state.poll(flush, cx)
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Free(body) => body.is_end_stream(),
            State::Untimed(scoped) => scoped.body.is_end_stream(),
            State::Expiring(body) => body.is_end_stream(),
            State::Failing(_) => false,
            State::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Free(body) => body.size_hint(),
            State::Untimed(scoped) => scoped.body.size_hint(),
            State::Expiring(body) => body.size_hint(),
            State::Failing(_) => SizeHint::default(),
            State::Ended => SizeHint::with_exact(0),
        }
    }
}

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::free(B::default(), Version::default())
    }
}

impl<B: FromText> FromText for ResponseBody<B> {
    fn from_text(text: String) -> Self {
        Self::free(B::from_text(text), Version::default())
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    debug_state!(ResponseBody, State, Free, Untimed, Expiring, Failing, Ended);
}
