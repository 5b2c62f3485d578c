//! The body of an answer that has to be there in time.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::bound::Bound;
use crate::{
    deadline::{Event, Observe, Stage},
    refusal::{BoxError, FromText, Refusal, trailers},
};

pin_project! {
    /// The body of an answer, up to the deadline of the call.
    ///
    /// Where time is over before its end, it fails with a [`Refusal`], or in gRPC
    /// ends with the status of one.
    pub struct ResponseBody<B> {
        #[pin]
        inner: Option<B>,
        limit: Option<Limit>,
    }
}

/// Until when, and what is to be done then.
pub(super) struct Limit {
    pub(super) bound: Bound,
    pub(super) content_type: Option<HeaderValue>,
    pub(super) observer: Option<Arc<dyn Observe>>,
}

impl<B> ResponseBody<B> {
    #[inline]
    pub(super) fn free(inner: B) -> Self {
        let (inner, limit) = (Some(inner), None);
        Self { inner, limit }
    }

    /// The inner service's body; there is none in an answer of the layer's own,
    /// or when time was over.
    pub fn get_ref(&self) -> Option<&B> {
        self.inner.as_ref()
    }
}

impl<B: Body> ResponseBody<B> {
    #[inline]
    pub(super) fn bounded(inner: B, limit: impl FnOnce() -> Limit) -> Self {
        let limit = (!inner.is_end_stream()).then(limit);
        let inner = Some(inner);
        Self { inner, limit }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = inner.poll_frame(cx);
        if let Some(limit) = this.limit {
            let inner = this.inner.as_ref().get_ref().as_ref();
            let is_last = inner.is_none_or(Body::is_end_stream);
            if ready!(limit.is_late(&frame, is_last, cx)) {
                this.inner.set(None);
                return Poll::Ready(Some(limit.end()));
            }
        }
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.inner.as_ref().map(Body::size_hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl Limit {
    /// Whether time was over before this came, where nothing came too.
    fn is_late<D, E>(
        &mut self,
        frame: &Poll<Option<Result<Frame<D>, E>>>,
        is_last: bool,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        let is_late = match frame {
            Poll::Pending => return self.bound.poll_passed(cx).map(|()| true),
            Poll::Ready(None) => false,
            Poll::Ready(Some(Err(_))) => self.bound.is_passed_there(),
            Poll::Ready(Some(Ok(frame))) => match frame.trailers_ref() {
                Some(trailers) => self.bound.has_cancelled(trailers),
                // A body that always has more never waits, so nothing but the
                // clock ends it.
                None => !is_last && self.bound.is_passed(),
            },
        };
        Poll::Ready(is_late)
    }

    /// What a body ends with whose time is over.
    fn end<D>(&self) -> Result<Frame<D>, BoxError> {
        if let Some(observer) = &self.observer {
            observer.noticed(&Event::Exceeded(Stage::Client));
        }
        let refusal = Refusal::deadline_exceeded();
        let trailers = trailers(&refusal, self.content_type.as_ref());
        trailers.map(Frame::trailers).ok_or_else(|| refusal.into())
    }
}

impl<B: FromText> FromText for ResponseBody<B> {
    fn from_text(text: String) -> Self {
        Self::free(B::from_text(text))
    }
}

impl<B> Default for ResponseBody<B> {
    /// Nothing.
    fn default() -> Self {
        let (inner, limit) = (None, None);
        Self { inner, limit }
    }
}

impl<B: fmt::Debug> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = self.limit.as_ref().map(|limit| &limit.bound);
        f.debug_struct("ResponseBody")
            .field("inner", &self.inner)
            .field("bound", &bound)
            .finish()
    }
}
