//! The body of a counted response. The end of the body is the end of the
//! request.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{classify::Classify, on_panic, span::ResponseSpan};
use crate::refusal::{BoxError, FromText};

pin_project! {
    /// The inner service's body, whose end is the end of the request.
    ///
    /// The body has ended when its last frame is taken, which is before the
    /// client has received it. If the body is dropped before, the request was
    /// cancelled.
    pub struct ResponseBody<B, C = ()> {
        #[pin]
        inner: B,
        // `None` once the end is counted, and for requests that are exempt.
        span: Option<ResponseSpan<C>>,
    }
}

impl<B, C> ResponseBody<B, C> {
    /// Returns a body that tells `span` of each frame, or one that is not
    /// counted.
    #[inline]
    pub(crate) fn new(inner: B, span: Option<ResponseSpan<C>>) -> Self {
        Self { inner, span }
    }
}

impl<B, C> Body for ResponseBody<B, C>
where
    B: Body<Error: Into<BoxError>>,
    C: Classify,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        let watch = on_panic::watch(this.span, ResponseSpan::panic);
        let polled = this.inner.as_mut().poll_frame(cx);
        watch.returned();
        let polled = ready!(polled).map(|frame| frame.map_err(Into::into));
        let Some(span) = this.span else {
            return Poll::Ready(polled);
        };
        // In place, because a span is large. It counts at most one end.
        match &polled {
            Some(Ok(frame)) if span.frame(frame) || this.inner.is_end_stream() => span.end(None),
            Some(Ok(_)) => return Poll::Ready(polled),
            Some(Err(error)) => span.fail(error),
            None => span.end(None),
        }
        *this.span = None;
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Default, C> Default for ResponseBody<B, C> {
    fn default() -> Self {
        Self::new(B::default(), None)
    }
}

impl<B: FromText, C> FromText for ResponseBody<B, C> {
    fn from_text(text: String) -> Self {
        Self::new(B::from_text(text), None)
    }
}

impl<B, C> fmt::Debug for ResponseBody<B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("ended", &self.span.is_none())
            .finish_non_exhaustive()
    }
}
