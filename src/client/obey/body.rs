//! The body of a response. The trailers of a gRPC response may ask for a pause.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::call::Gate;
use crate::refusal::FromText;

pin_project! {
    /// The body of a response through an [`Obey`](super::Obey) service: that of
    /// the inner service, or nothing in a refusal of the layer.
    pub struct ResponseBody<B> {
        #[pin]
        inner: Option<B>,
        // For trailers; `None` unless the response is gRPC.
        gate: Option<Gate>,
    }
}

impl<B> ResponseBody<B> {
    pub(super) fn new(inner: B, gate: Option<Gate>) -> Self {
        let inner = Some(inner);
        Self { inner, gate }
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
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
            && let Some(gate) = this.gate.take()
        {
            gate.trailed(trailers, Instant::now());
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
            gate: None,
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
