//! The body of a response behind the layer. `handler` and `retention::replay`
//! make it.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Either;
use pin_project_lite::pin_project;

use super::{buffered::BufferedBody, channel::BodyReceiver};
use crate::refusal::{BoxError, FromText};

pin_project! {
    /// The body of a response: the inner service's as it is, or one that is
    /// kept.
    ///
    /// A kept body that is not ready at once is read to its end by a background
    /// task, even if this body is dropped. Its end, its trailers, and the last
    /// of its data if it is known to be the last come only after the store was
    /// told, or could not be.
    ///
    /// # Errors
    ///
    /// It ends with an error if the inner body fails or panics, or if the lease
    /// was lost meanwhile. Before the error, at least one poll since the head
    /// and the last frame is pending, so that the server can send both first.
    /// Over HTTP/2, where another task sends, it comes at least 500 ms after
    /// the head and 20 ms after the last frame.
    pub struct ResponseBody<B> {
        #[pin]
        source: BodySource<B>,
    }
}

/// Where the data comes from.
///
/// * From the inner service, if the response is not kept.
/// * From memory, if it was kept before its head was passed on, or is replayed.
/// * From the task that reads the inner body.
type BodySource<B> = Either<B, Either<BufferedBody, BodyReceiver>>;

impl<B> ResponseBody<B> {
    /// Creates a body that is the inner service's.
    #[inline]
    pub(crate) fn inner(body: B) -> Self {
        let source = Either::Left(body);
        Self { source }
    }

    /// Creates a body from memory.
    pub(crate) fn buffered(body: BufferedBody) -> Self {
        let source = Either::Right(Either::Left(body));
        Self { source }
    }

    /// Creates a body that a task fills.
    pub(crate) fn channel(body: BodyReceiver) -> Self {
        let source = Either::Right(Either::Right(body));
        Self { source }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().source.poll_frame(cx)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::inner(B::default())
    }
}

impl<B: FromText> FromText for ResponseBody<B> {
    fn from_text(text: String) -> Self {
        Self::inner(B::from_text(text))
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Either::Left(_) => "Inner",
            Either::Right(Either::Left(_)) => "Buffered",
            Either::Right(Either::Right(_)) => "Channel",
        };
        f.debug_tuple("ResponseBody").field(&source).finish()
    }
}
