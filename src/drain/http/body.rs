//! The body of a tracked response. The end of the body is the end of the
//! request.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::last_words::LastWords;
use crate::{
    drain::{state::Phase, work::Tracked},
    refusal::{BoxError, FromText, Reason, Refusal},
};

pin_project! {
    /// The inner service's body, until the drain ends it.
    ///
    /// A stream of server-sent events, or of gRPC messages, that has not ended
    /// in the middle of the stage
    /// [`Cancelling`](crate::drain::Stage::Cancelling) gets its last words, and
    /// is whole. At the abort, any other body ends with an error, which is a
    /// [`Refusal`](crate::refusal::Refusal), so that the client does not take a
    /// part for the whole.
    pub struct ResponseBody<B> {
        // `None` once it was dropped by the drain.
        #[pin]
        inner: Option<B>,
        // `None` once it has ended, and for requests that are exempt.
        tracked: Option<Tracked>,
        last_words: LastWords,
    }
}

/// The return type of `poll_frame`.
type FramePoll<D> = Poll<Option<Result<Frame<D>, BoxError>>>;

impl<B> ResponseBody<B> {
    /// Returns a body that the drain does not wait for.
    #[inline]
    pub(super) fn untracked(inner: B) -> Self {
        Self {
            inner: Some(inner),
            tracked: None,
            last_words: LastWords::None,
        }
    }

    #[inline]
    pub(super) fn tracked(inner: B, tracked: Tracked, last_words: LastWords) -> Self {
        Self {
            inner: Some(inner),
            tracked: Some(tracked),
            last_words,
        }
    }
}

impl<B> ResponseBody<B>
where
    B: Body<Data: From<Bytes>, Error: Into<BoxError>>,
{
    /// Drops the inner body, and returns how this one ends.
    #[cold]
    fn end(self: Pin<&mut Self>, phase: Phase) -> FramePoll<B::Data> {
        let mut this = self.project();
        // Before the ticket, so that the drain waits for that, too.
        this.inner.set(None);
        if let Some(tracked) = this.tracked.take() {
            tracked.end();
        }
        let frame = match phase {
            Phase::LastWords => this.last_words.frame(),
            _ => match this.last_words.aborted() {
                Some(frame) => Some(frame),
                None => {
                    let refusal = Refusal::because(Reason::Aborted);
                    return Poll::Ready(Some(Err(refusal.into())));
                }
            },
        };
        Poll::Ready(frame.map(Ok))
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data: From<Bytes>, Error: Into<BoxError>>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> FramePoll<B::Data> {
        let this = self.as_mut().project();
        let Some(mut inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Some(tracked) = this.tracked else {
            return inner.poll_frame(cx).map_err(Into::into);
        };
        let has_last_words = this.last_words.is_some();
        let is_over =
            |phase| phase >= Phase::Aborting || (phase == Phase::LastWords && has_last_words);
        let polled = tracked.poll(cx, is_over, |cx| inner.as_mut().poll_frame(cx));
        let frame = match ready!(polled) {
            Ok(frame) => frame,
            Err(phase) => return self.end(phase),
        };
        let has_ended = match &frame {
            Some(Ok(frame)) => {
                this.last_words.sent(frame);
                frame.is_trailers() || inner.is_end_stream()
            }
            Some(Err(_)) | None => true,
        };
        if has_ended && let Some(tracked) = this.tracked.take() {
            tracked.end();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.as_ref();
        inner.map_or(SizeHint::with_exact(0), B::size_hint)
    }
}

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::untracked(B::default())
    }
}

impl<B: FromText> FromText for ResponseBody<B> {
    fn from_text(text: String) -> Self {
        Self::untracked(B::from_text(text))
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("is_tracked", &self.tracked.is_some())
            .finish_non_exhaustive()
    }
}
