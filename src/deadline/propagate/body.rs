//! The body of an answer that has to be there in time.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::bound::Bound;
use crate::{
    deadline::{Event, Observe, Stage},
    flush::Flush,
    refusal::{BoxError, FromText, Refusal, trailers},
};

pin_project! {
    /// The body of an answer, up to the deadline of the call.
    ///
    /// Where time is over before its end, it fails with a [`Refusal`], or in gRPC
    /// ends with the status of one. One whose size is known fails only if it has to
    /// wait for a frame.
    ///
    /// An error comes in a poll that follows a pending one since the head and the
    /// last frame: a server that passes the answer on has sent both by then.
    pub struct ResponseBody<B> {
        #[pin]
        inner: Option<B>,
        limit: Option<Limit>,
        failed: Option<BoxError>,
        flush: Flush,
    }
}

/// Until when, and what is to be done then.
pub(super) struct Limit {
    pub(super) bound: Bound,
    /// How much time each frame has, where each has its own.
    pub(super) between: Option<Duration>,
    pub(super) content_type: Option<HeaderValue>,
    pub(super) observer: Option<Arc<dyn Observe>>,
}

impl<B> ResponseBody<B> {
    #[inline]
    pub(super) fn free(inner: B) -> Self {
        Self::new(Some(inner), None)
    }

    #[inline]
    fn new(inner: Option<B>, limit: Option<Limit>) -> Self {
        Self {
            inner,
            limit,
            failed: None,
            flush: Flush::one_turn(),
        }
    }

    /// The inner service's body; there is none in an answer of the layer's own,
    /// or when time was over, or the body has failed.
    pub fn get_ref(&self) -> Option<&B> {
        self.inner.as_ref()
    }
}

impl<B: Body> ResponseBody<B> {
    #[inline]
    pub(super) fn bounded(inner: B, limit: impl FnOnce() -> Limit) -> Self {
        let limit = (!inner.is_end_stream()).then(limit);
        Self::new(Some(inner), limit)
    }
}

type Polled<D> = Poll<Option<Result<Frame<D>, BoxError>>>;

impl<B: Body<Error: Into<BoxError>>> ResponseBody<B> {
    /// What the inner body has, if it has it in time.
    fn poll_inner(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled<B::Data> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = inner.poll_frame(cx);
        if let Some(limit) = this.limit
            && let Some(inner) = this.inner.as_ref().as_pin_ref()
            && ready!(limit.is_late(&frame, inner.get_ref(), cx))
        {
            this.inner.set(None);
            return Poll::Ready(Some(limit.end()));
        }
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled<B::Data> {
        if self.failed.is_none() {
            let polled = self.as_mut().poll_inner(cx);
            let mut this = self.as_mut().project();
            let Poll::Ready(Some(Err(error))) = polled else {
                this.flush.note(&polled);
                return polled;
            };
            this.inner.set(None);
            *this.failed = Some(error);
        }
        let this = self.project();
        ready!(this.flush.poll(cx));
        Poll::Ready(this.failed.take().map(Err))
    }

    fn is_end_stream(&self) -> bool {
        let inner = self.inner.as_ref();
        inner.map_or(self.failed.is_none(), Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Some(inner) => inner.size_hint(),
            None if self.failed.is_some() => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl Limit {
    /// Whether time was over before this came, where nothing came too.
    fn is_late<D, E>(
        &mut self,
        frame: &Poll<Option<Result<Frame<D>, E>>>,
        body: &impl Body,
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
                None => !is_bounded(body) && self.bound.is_passed(),
            },
        };
        if let Some(between) = self.between.filter(|_| !is_late) {
            self.bound.begin(between);
        }
        Poll::Ready(is_late)
    }

    /// What a body ends with whose time is over.
    fn end<D>(&self) -> Result<Frame<D>, BoxError> {
        if let Some(observer) = &self.observer {
            observer.noticed(&Event::Exceeded(Stage::Client));
        }
        let refusal = Refusal::deadline_exceeded().by_bound(self.bound.is_own());
        let trailers = trailers(&refusal, self.content_type.as_ref());
        trailers.map(Frame::trailers).ok_or_else(|| refusal.into())
    }
}

impl<B: FromText> FromText for ResponseBody<B> {
    fn from_text(text: String) -> Self {
        Self::free(B::from_text(text))
    }
}

/// Whether it ends after as many bytes as it says, or has ended.
fn is_bounded(body: &impl Body) -> bool {
    body.is_end_stream() || body.size_hint().exact().is_some()
}

impl<B> Default for ResponseBody<B> {
    /// Nothing.
    fn default() -> Self {
        Self::new(None, None)
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
