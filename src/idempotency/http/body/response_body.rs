//! The body of a response behind the layer. `handler` and `retention::replay`
//! make it.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
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

pin_project! {
    /// Where the data comes from. Kept bodies are as small as those of most
    /// services, because all responses move through the layers.
    #[project = SourceProj]
    enum BodySource<B> {
        // The inner service, if the response is not kept.
        Inner {
            #[pin]
            body: B,
        },
        // Memory, if the response was kept before its head was passed on, or is
        // replayed.
        Buffered { body: BufferedBody },
        // The task that reads the inner body.
        Channel { body: Box<BodyReceiver> },
    }
}

impl<B> ResponseBody<B> {
    /// Creates a body that is the inner service's.
    #[inline]
    pub(crate) fn inner(body: B) -> Self {
        let source = BodySource::Inner { body };
        Self { source }
    }

    /// Creates a body from memory.
    pub(crate) fn buffered(body: BufferedBody) -> Self {
        let source = BodySource::Buffered { body };
        Self { source }
    }

    /// Creates a body that a task reads.
    pub(crate) fn channel(body: BodyReceiver) -> Self {
        let body = Box::new(body);
        let source = BodySource::Channel { body };
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
        match self.project().source.project() {
            SourceProj::Inner { body } => body.poll_frame(cx).map_err(Into::into),
            SourceProj::Buffered { body } => Pin::new(body).poll_frame(cx).map_err(Into::into),
            SourceProj::Channel { body } => Pin::new(&mut **body).poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.source {
            BodySource::Inner { body } => body.is_end_stream(),
            BodySource::Buffered { body } => body.is_end_stream(),
            BodySource::Channel { body } => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.source {
            BodySource::Inner { body } => body.size_hint(),
            BodySource::Buffered { body } => body.size_hint(),
            BodySource::Channel { body } => body.size_hint(),
        }
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
            BodySource::Inner { .. } => "Inner",
            BodySource::Buffered { .. } => "Buffered",
            BodySource::Channel { .. } => "Channel",
        };
        f.debug_tuple("ResponseBody").field(&source).finish()
    }
}
