//! The traits of bodies that can be sent again.

use http_body::Body;

/// The body of a request that a [`Retry`](crate::client::Retry) service can send
/// again.
///
/// | body | how it is repeated |
/// |---|---|
/// | `Full`, `Empty`, `String` | it is cloned; the data of a `Full` is shared, that of a `String` is copied |
/// | that of reqwest, if its bytes are known | its bytes are shared |
/// | the bodies of tonic, axum and reqwest (features `tonic`, `axum`, `reqwest`), `BoxBody`, `UnsyncBoxBody` (data of `Bytes`, errors of `BoxError`) | it is read through a [`TapedBody`](super::TapedBody) and boxed again |
/// | any other, as a [`TapedBody`](super::TapedBody) | it is recorded while it is sent, and played again |
///
/// Implement it for a body of your own that can be cloned, with
/// [`CloneSource`](super::CloneSource):
///
/// ```
/// use std::{convert::Infallible, pin::Pin, task::{Context, Poll}};
/// use bytes::Bytes;
/// use http_body::{Body, Frame, SizeHint};
/// use sluicegate::client::{CloneSource, RepeatableBody};
///
/// #[derive(Clone)]
/// struct Once(Option<Bytes>);
///
/// impl RepeatableBody for Once {
///     type Source = CloneSource<Self>;
///
///     fn repeatable(self, max_bytes: usize) -> (Self, Option<Self::Source>) {
///         CloneSource::split(self, max_bytes)
///     }
/// }
/// # impl Body for Once {
/// #     type Data = Bytes;
/// #     type Error = Infallible;
/// #     fn poll_frame(
/// #         mut self: Pin<&mut Self>, _: &mut Context<'_>,
/// #     ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
/// #         Poll::Ready(self.0.take().map(Frame::data).map(Ok))
/// #     }
/// # }
/// ```
pub trait RepeatableBody: Body + Sized {
    /// Makes the bodies of further attempts.
    type Source: BodySource<Self>;

    /// Returns the body of the first attempt, and the source of others; no
    /// source if the body has certainly more than `max_bytes`.
    fn repeatable(self, max_bytes: usize) -> (Self, Option<Self::Source>);
}

/// Makes the bodies of further attempts.
pub trait BodySource<B> {
    /// Returns the body of the next attempt; `None` if there cannot be one,
    /// because the body was too large or has failed. The body before it is no
    /// longer used.
    fn next(&mut self) -> Option<B>;

    /// Returns whether the last body was read to its end. A response that comes
    /// before that may be one that the caller has to answer.
    fn is_read(&self) -> bool;
}
