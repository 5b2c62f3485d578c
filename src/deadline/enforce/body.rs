//! The body of a response that has a deadline.

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Version;
use http_body::{Body, Frame, SizeHint};

use super::{
    expiring_body::Watched,
    scoped_body::{Running, Step},
};
use crate::{
    flush::Flush,
    refusal::{BoxError, FromText},
};

/// The inner service's body, until the deadline.
///
/// When the deadline passes, the inner body is dropped, even if no server polls
/// it, and this one ends with an error, which is a
/// [`Refusal`](crate::refusal::Refusal). A server then resets the stream, so that
/// a client does not take a part for the whole. To gRPC (with the feature `grpc`)
/// it ends with trailers of status 4, `DEADLINE_EXCEEDED`; to gRPC-Web, which has no
/// trailers of HTTP, it ends with the error.
///
/// A body whose size is known, by itself or by a `content-length`, goes out whole
/// if its frames are there when the server asks for them, however late that is. It
/// is dropped if it has to wait for a frame after the deadline, or if the server
/// does not ask for 30 seconds.
///
/// An error, also one of the inner body, comes only in a poll that follows a
/// pending one since the head and the last frame, so that the server has sent
/// both: hyper drops what is still in its buffers. Over HTTP/2, where another task
/// sends, it comes at the earliest 500 ms after the head and 20 ms after the last
/// frame. A client that does not read may still lose what its server could not
/// write.
///
/// A server that waits for a client to take more polls no body: what the inner
/// one holds is freed in time, but the stream is reset only when the client takes
/// something, or goes.
///
/// The inner body has to be `Unpin`, as those of axum, tonic and hyper are,
/// because it is moved while it is polled. Others can be boxed.
pub struct ResponseBody<B> {
    kind: Kind<B>,
    flush: Flush,
}

enum Kind<B> {
    /// Of a request without a deadline, or at its end.
    Free(B),
    /// The deadline does not end it.
    Untimed(Running<B>),
    Watched(Watched<B>),
    /// Ends with this error once the server has sent what came before.
    Failing(BoxError),
    Ended,
}

impl<B> ResponseBody<B> {
    #[inline]
    pub(super) fn free(body: B, version: Version) -> Self {
        Self::new(Kind::Free(body), version)
    }

    pub(super) fn untimed(running: Running<B>, version: Version) -> Self {
        Self::new(Kind::Untimed(running), version)
    }

    #[inline]
    pub(super) fn watched(watched: Watched<B>, version: Version) -> Self {
        Self::new(Kind::Watched(watched), version)
    }

    #[inline]
    fn new(kind: Kind<B>, version: Version) -> Self {
        let flush = Flush::of(version);
        Self { kind, flush }
    }
}

type Polled<D> = Poll<Option<Result<Frame<D>, BoxError>>>;

impl<B: Body<Error: Into<BoxError>> + Unpin> Kind<B> {
    fn poll(&mut self, flush: &mut Flush, cx: &mut Context<'_>) -> Polled<B::Data> {
        let polled = match self {
            Self::Free(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Untimed(running) => {
                let step = running.poll(cx);
                self.follow(step)
            }
            Self::Watched(watched) => {
                let step = watched.poll(cx);
                self.follow(step)
            }
            Self::Failing(_) | Self::Ended => Poll::Ready(None),
        };
        if let Poll::Ready(Some(Err(error))) = polled {
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

    /// Ends with the inner body.
    fn follow(&mut self, step: Step<B::Data>) -> Polled<B::Data> {
        match step {
            Step::Pending => Poll::Pending,
            Step::Frame(frame) => Poll::Ready(Some(Ok(frame))),
            Step::End(last) => {
                *self = Self::Ended;
                Poll::Ready(last.map(Ok))
            }
            Step::Failed(error) => Poll::Ready(Some(Err(error))),
        }
    }
}

impl<B: Body<Error: Into<BoxError>> + Unpin> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled<B::Data> {
        let Self { kind, flush } = self.get_mut();
        kind.poll(flush, cx)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Free(body) => body.is_end_stream(),
            Kind::Untimed(running) => running.body.is_end_stream(),
            Kind::Watched(watched) => watched.is_end_stream(),
            Kind::Failing(_) => false,
            Kind::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Free(body) => body.size_hint(),
            Kind::Untimed(running) => running.body.size_hint(),
            Kind::Watched(watched) => watched.size_hint(),
            Kind::Failing(_) => SizeHint::default(),
            Kind::Ended => SizeHint::with_exact(0),
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
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Free(_) => "Free",
            Kind::Untimed(_) => "Untimed",
            Kind::Watched(_) => "Watched",
            Kind::Failing(_) => "Failing",
            Kind::Ended => "Ended",
        };
        f.debug_tuple("ResponseBody").field(&kind).finish()
    }
}
