//! The body of a response behind the layer.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{buffered::BufferedBody, channel::Pipe};
use crate::refusal::{BoxError, FromText};

pin_project! {
    /// The inner service's body as it is, or one that is kept for who asks again.
    ///
    /// One that is kept is read to its end in a task, whoever reads this one: this
    /// is what that task has read. Its end, its trailers, and the last of its data
    /// where it is known that it is the last come only when the store was told, or
    /// could not be. When the inner body fails or panics, or the lease was lost
    /// meanwhile, this one ends with an error, in a poll that follows a pending one
    /// since the head and the last frame, so that the server has sent both. Over HTTP/2,
    /// where another task sends, it comes at the earliest 500 ms after the head and 20 ms
    /// after the last frame.
    ///
    /// Dropped, it leaves the work to go on.
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Free {
            #[pin]
            body: B,
        },
        BufferedBody {
            body: BufferedBody,
        },
        Piped {
            body: Pipe,
        },
    }
}

impl<B> ResponseBody<B> {
    #[inline]
    pub(crate) fn free(body: B) -> Self {
        let kind = Kind::Free { body };
        Self { kind }
    }

    pub(crate) fn whole(body: BufferedBody) -> Self {
        let kind = Kind::BufferedBody { body };
        Self { kind }
    }

    pub(crate) fn piped(body: Pipe) -> Self {
        let kind = Kind::Piped { body };
        Self { kind }
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
        match self.project().kind.project() {
            KindProj::Free { body } => body.poll_frame(cx).map_err(Into::into),
            KindProj::BufferedBody { body } => {
                Pin::new(body).poll_frame(cx).map_err(|it| match it {})
            }
            KindProj::Piped { body } => body.poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Free { body } => body.is_end_stream(),
            Kind::BufferedBody { body } => body.is_end_stream(),
            Kind::Piped { body } => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Free { body } => body.size_hint(),
            Kind::BufferedBody { body } => body.size_hint(),
            Kind::Piped { body } => body.size_hint(),
        }
    }
}

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::free(B::default())
    }
}

impl<B: FromText> FromText for ResponseBody<B> {
    fn from_text(text: String) -> Self {
        Self::free(B::from_text(text))
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Free { .. } => "Free",
            Kind::BufferedBody { .. } => "BufferedBody",
            Kind::Piped { .. } => "Piped",
        };
        f.debug_tuple("ResponseBody").field(&kind).finish()
    }
}
