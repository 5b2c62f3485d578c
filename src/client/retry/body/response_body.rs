//! The body of a response, of which the layer may have read the first frame.

use std::{
    error::Error,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll},
};

use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::{error::BoxError, refusal::FromText};

/// The body of a response to a call that may have been repeated.
///
/// It is the inner service's body, unless the layer has dropped that for a retry
/// that could not be sent. Then it ends with an error, and not as if it
/// were whole.
pub struct ResponseBody<R: Body> {
    state: State<R>,
}

enum State<R: Body> {
    Inner(R),
    /// The first frame was read.
    Peeked(Option<Result<Frame<R::Data>, R::Error>>, R),
    /// The body was read to its end, or dropped.
    Ended(BodyEnd),
}

/// The end of a body that the layer has dropped.
#[derive(Debug)]
pub(in crate::client::retry) enum BodyEnd {
    /// Nothing: it was empty.
    Empty,
    /// Its trailers, before which it had no data.
    Trailers(HeaderMap),
    /// It may have had data.
    Lost,
}

impl<R: Body> ResponseBody<R> {
    pub(in crate::client::retry) fn new(inner: R) -> Self {
        let state = State::Inner(inner);
        Self { state }
    }

    /// Returns a body of which one frame, or its end, was read.
    pub(in crate::client::retry) fn peeked(
        frame: Option<Result<Frame<R::Data>, R::Error>>,
        inner: R,
    ) -> Self {
        let state = State::Peeked(frame, inner);
        Self { state }
    }

    pub(in crate::client::retry) fn ended(end: BodyEnd) -> Self {
        let state = State::Ended(end);
        Self { state }
    }

    /// Drops the inner body, and keeps its trailers if they were read.
    pub(in crate::client::retry) fn without_inner(self) -> Self {
        let is_empty = self.is_inner_empty();
        match self.state {
            State::Ended(end) => Self::ended(end),
            State::Peeked(Some(Ok(frame)), _) => match frame.into_trailers() {
                Ok(trailers) => Self::ended(BodyEnd::Trailers(trailers)),
                Err(_) => Self::ended(BodyEnd::Lost),
            },
            _ if is_empty => Self::ended(BodyEnd::Empty),
            _ => Self::ended(BodyEnd::Lost),
        }
    }

    fn is_inner_empty(&self) -> bool {
        matches!(&self.state, State::Inner(inner) if inner.is_end_stream())
    }

    /// Returns the inner service's body, unless it was dropped.
    pub fn get_ref(&self) -> Option<&R> {
        match &self.state {
            State::Inner(inner) | State::Peeked(_, inner) => Some(inner),
            State::Ended(_) => None,
        }
    }
}

// No field is pinned in place: the inner body is `Unpin` where it is polled.
impl<R: Body> Unpin for ResponseBody<R> {}

impl<R> Body for ResponseBody<R>
where
    R: Body<Error: Into<BoxError>> + Unpin,
{
    type Data = R::Data;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, BoxError>>> {
        let frame = match &mut self.state {
            State::Inner(inner) => Pin::new(inner).poll_frame(cx),
            State::Peeked(first @ Some(_), _) => Poll::Ready(first.take()),
            State::Peeked(None, inner) => Pin::new(inner).poll_frame(cx),
            State::Ended(end) => return Poll::Ready(end.take()),
        };
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Inner(inner) | State::Peeked(None, inner) => inner.is_end_stream(),
            State::Peeked(Some(_), _) => false,
            State::Ended(end) => matches!(end, BodyEnd::Empty),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Inner(inner) => inner.size_hint(),
            State::Peeked(first, inner) => behind(first.as_ref(), inner.size_hint()),
            State::Ended(BodyEnd::Lost) => SizeHint::new(),
            State::Ended(_) => SizeHint::with_exact(0),
        }
    }
}

/// Returns the size of a body whose first frame was read.
fn behind<D: bytes::Buf, E>(first: Option<&Result<Frame<D>, E>>, rest: SizeHint) -> SizeHint {
    let data = first.and_then(|frame| frame.as_ref().ok()?.data_ref());
    let bytes = data.map_or(0, |data| data.remaining() as u64);
    let mut hint = SizeHint::new();
    hint.set_lower(rest.lower() + bytes);
    if let Some(upper) = rest.upper() {
        hint.set_upper(upper + bytes);
    }
    hint
}

impl BodyEnd {
    /// Returns the last frame, once.
    fn take<D>(&mut self) -> Option<Result<Frame<D>, BoxError>> {
        match mem::replace(self, Self::Empty) {
            Self::Empty => None,
            Self::Trailers(trailers) => Some(Ok(Frame::trailers(trailers))),
            Self::Lost => Some(Err(Dropped.into())),
        }
    }
}

/// The error of a body that is gone.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the response body was dropped for a retry that could not be sent")
    }
}

impl Error for Dropped {}

impl<R: Body> Default for ResponseBody<R> {
    /// Returns an empty body.
    fn default() -> Self {
        Self::ended(BodyEnd::Empty)
    }
}

impl<R: Body + FromText> FromText for ResponseBody<R> {
    fn from_text(text: String) -> Self {
        Self::new(R::from_text(text))
    }
}

impl<R: Body> fmt::Debug for ResponseBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Inner(_) => "inner",
            State::Peeked(..) => "peeked",
            State::Ended(_) => "ended",
        };
        f.debug_struct("ResponseBody")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
