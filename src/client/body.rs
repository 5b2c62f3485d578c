//! The body of a response through `obey` or `throttle`. A gRPC response says
//! only in its trailers how the call went.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{content::Grpc, refusal::FromText};

pin_project! {
    /// The body of a response through an [`Obey`](super::Obey) or a
    /// [`Throttle`](super::Throttle): that of the inner service, or nothing in a
    /// refusal of the layer.
    pub struct ResponseBody<B> {
        #[pin]
        inner: Option<B>,
        at_end: Option<AtEnd>,
    }
}

/// Called once, with the trailers, or with `None` if there are none.
type Callback = Box<dyn FnOnce(Option<&HeaderMap>) + Send + Sync>;

/// Calls its function at the end of a body, or when that is dropped.
pub(super) struct AtEnd(Option<Callback>);

impl AtEnd {
    pub(super) fn new(callback: impl FnOnce(Option<&HeaderMap>) + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(callback)))
    }

    fn call(&mut self, trailers: Option<&HeaderMap>) {
        if let Some(callback) = self.0.take() {
            callback(trailers);
        }
    }
}

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.call(None);
    }
}

/// Returns whether a response is gRPC and says in its trailers how the call
/// went. If its headers have a status, there are none.
pub(super) fn has_verdict_in_trailers<B>(response: &Response<B>) -> bool {
    let headers = response.headers();
    Grpc::spoken_in(headers).is_some() && !headers.contains_key("grpc-status")
}

impl<B> ResponseBody<B> {
    pub(super) fn new(inner: B, at_end: Option<AtEnd>) -> Self {
        let inner = Some(inner);
        Self { inner, at_end }
    }

    /// Returns the inner service's body. There is none in a refusal of the
    /// layer.
    pub fn get_ref(&self) -> Option<&B> {
        self.inner.as_ref()
    }

    /// Returns the inner service's body and drops the rest.
    pub fn into_inner(self) -> Option<B> {
        self.inner
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let polled = inner.poll_frame(cx);
        if let (Poll::Ready(Some(Ok(frame))), Some(at_end)) = (&polled, this.at_end)
            && let Some(trailers) = frame.trailers_ref()
        {
            at_end.call(Some(trailers));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let none = SizeHint::with_exact(0);
        self.inner.as_ref().map_or(none, Body::size_hint)
    }
}

impl<B> Default for ResponseBody<B> {
    /// Returns an empty body.
    fn default() -> Self {
        Self {
            inner: None,
            at_end: None,
        }
    }
}

impl<B: FromText> FromText for ResponseBody<B> {
    fn from_text(text: String) -> Self {
        Self::new(B::from_text(text), None)
    }
}

impl<B: fmt::Debug> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseBody").field(&self.inner).finish()
    }
}
