//! The body of a response that has a deadline.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};

use super::{
    errand::Errand,
    terms::Terms,
    watched::{Next, Running, Watched},
};
use crate::refusal::{BoxError, FromText};

/// The inner service's body, until the deadline.
///
/// When it passes, the inner body is dropped, whether anybody polls it or not,
/// and this one ends with an error, which is a
/// [`Refusal`](crate::refusal::Refusal). A server then resets the stream, so that
/// nobody takes a part for the whole. To gRPC (with the feature `grpc`) it ends
/// with trailers of status 4, `DEADLINE_EXCEEDED`.
///
/// A server that waits for a client to take more polls no body: what the inner
/// one holds is freed in time, but the stream is reset only when the client takes
/// something, or goes.
///
/// The inner body has to be `Unpin`, as those of axum, tonic and hyper are, for
/// it is put elsewhere while it is polled. Others can be boxed.
pub struct ResponseBody<B>(Kind<B>);

enum Kind<B> {
    /// Without a deadline, or past all that could be late.
    Free(B),
    Watched(Watched<B>),
    /// Ended by an error.
    Broken,
}

impl<B> ResponseBody<B> {
    pub(super) fn free(body: B) -> Self {
        Self(Kind::Free(body))
    }
}

impl<B: Body + Send + 'static> ResponseBody<B> {
    /// A body that is at its end needs no watch.
    pub(super) fn under(
        errand: Errand,
        terms: Arc<Terms>,
        content_type: Option<HeaderValue>,
        body: B,
    ) -> Self {
        if body.is_end_stream() {
            errand.done();
            return Self::free(body);
        }
        let running = Running { body, errand };
        Self(Kind::Watched(Watched::new(running, terms, content_type)))
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
                match next {
                    Next::Same => (),
                    Next::Free(body) => *kind = Kind::Free(body),
                    Next::Broken => *kind = Kind::Broken,
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

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::free(B::default())
    }
}

impl<B: FromText> FromText for ResponseBody<B> {
    fn from_text(text: String) -> Self {
        Self::free(B::from_text(text))
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
