//! The body of a response to a call.
//!
//! Whether the body is late depends on what the inner body has:
//!
//! | the inner body has | it is late |
//! |---|---|
//! | nothing yet | when the timer fires |
//! | a frame, and says how many bytes it has | never: it goes out whole |
//! | a frame, and does not say that | when the deadline has passed |
//! | trailers of status `CANCELLED`, or an error | when the callee should have given up |
//! | its end | never |

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

use super::call_bound::CallBound;
use crate::{
    deadline::{Event, Observe, Stage},
    flush::Flush,
    refusal::{BoxError, FromText, Refusal, trailers},
};

pin_project! {
    /// The body of a response, up to the deadline of the call.
    ///
    /// If the time is over before its end, it fails with a [`Refusal`], or for
    /// gRPC ends with the status of one. A body of known size fails only if it
    /// has to wait for a frame.
    ///
    /// An error comes only in a poll that follows a pending one since the head
    /// and the last frame: a server that passes the response on has sent both
    /// by then.
    pub struct ResponseBody<B> {
        #[pin]
        inner: Option<B>,
        // Boxed, because all responses move through the layers.
        bound: Option<Box<BodyBound>>,
        failed: Option<BoxError>,
        flush: Flush,
    }
}

/// The end of a body, and how to tell it.
pub(super) struct BodyBound {
    pub(super) bound: CallBound,
    /// The time for each frame, if the time begins anew with each.
    pub(super) between: Option<Duration>,
    /// The content type of the request: to gRPC, the end is told in trailers.
    pub(super) content_type: Option<HeaderValue>,
    pub(super) observer: Option<Arc<dyn Observe>>,
}

impl<B> ResponseBody<B> {
    /// Returns a body that no deadline ends.
    #[inline]
    pub(super) fn free(inner: B) -> Self {
        Self::new(Some(inner), None)
    }

    #[inline]
    fn new(inner: Option<B>, bound: Option<Box<BodyBound>>) -> Self {
        Self {
            inner,
            bound,
            failed: None,
            flush: Flush::one_turn(),
        }
    }

    /// Returns the inner service's body. There is none in a refusal of the
    /// layer, after the deadline, or after the body has failed.
    pub fn get_ref(&self) -> Option<&B> {
        self.inner.as_ref()
    }
}

impl<B: Body> ResponseBody<B> {
    /// Returns a body with an end, unless it has already ended.
    #[inline]
    pub(super) fn bounded(inner: B, bound: impl FnOnce() -> BodyBound) -> Self {
        let bound = (!inner.is_end_stream()).then(|| Box::new(bound()));
        Self::new(Some(inner), bound)
    }
}

/// The return type of `poll_frame`.
type FramePoll<D> = Poll<Option<Result<Frame<D>, BoxError>>>;

impl<B: Body<Error: Into<BoxError>>> ResponseBody<B> {
    /// Polls the inner body, and drops it if its time is over.
    fn poll_inner(self: Pin<&mut Self>, cx: &mut Context<'_>) -> FramePoll<B::Data> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = inner.poll_frame(cx);
        if let Some(bound) = this.bound
            && let Some(inner) = this.inner.as_ref().as_pin_ref()
            && ready!(bound.is_late(&frame, inner.get_ref(), cx))
        {
            this.inner.set(None);
            return Poll::Ready(Some(bound.end()));
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

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> FramePoll<B::Data> {
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

impl BodyBound {
    /// Returns whether the time was over before the inner body had `frame`.
    /// Waits for the end of the time if it has none.
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
                // A body that always has a frame never waits for the timer, so
                // the clock is read.
                None => !is_bounded(body) && self.bound.is_passed(),
            },
        };
        if let Some(between) = self.between.filter(|_| !is_late) {
            self.bound.begin(between);
        }
        Poll::Ready(is_late)
    }

    /// Returns the end of a body whose time is over.
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

/// Returns whether the body has ended, or says how many bytes it has.
fn is_bounded(body: &impl Body) -> bool {
    body.is_end_stream() || body.size_hint().exact().is_some()
}

impl<B> Default for ResponseBody<B> {
    /// Returns an empty body.
    fn default() -> Self {
        Self::new(None, None)
    }
}

impl<B: fmt::Debug> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = self.bound.as_ref().map(|bound| &bound.bound);
        f.debug_struct("ResponseBody")
            .field("inner", &self.inner)
            .field("bound", &bound)
            .finish()
    }
}
