//! Request bodies that can be made again.

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators};

use super::buffered::BufferedBody;

/// A request body that can be made again of what was read of it.
///
/// A request with a key is read to its end before anything is done, so that it can
/// be compared with the first one, and is then given to the handler whole. That is
/// possible with the bodies of axum (feature `axum`) and tonic (feature `tonic`), with
/// `Full<Bytes>`, boxed bodies, and `String`. For others, box them further out
/// (`map_request(|req| req.map(|body| body.boxed_unsync()))`), or say how:
///
/// ```
/// use http_body_util::Full;
/// use sluicegate::idempotency::{BufferedBody, FromBuffered};
/// # use std::{convert::Infallible, pin::Pin, task::{Context, Poll}};
/// # use bytes::Bytes;
/// # use http_body::{Body, Frame};
///
/// struct Mine(Full<Bytes>);
/// # impl Body for Mine {
/// #     type Data = Bytes;
/// #     type Error = Infallible;
/// #     fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>)
/// #         -> Poll<Option<Result<Frame<Bytes>, Infallible>>>
/// #     {
/// #         Pin::new(&mut self.0).poll_frame(cx)
/// #     }
/// # }
///
/// impl FromBuffered for Mine {
///     fn from_buffered(whole: BufferedBody) -> Self {
///         Mine(Full::new(whole.bytes().clone()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a request body `{Self}` cannot be made again once it was read",
    note = "box it further out, or implement `sluicegate::idempotency::FromBuffered` for it"
)]
pub trait FromBuffered: Body<Data = Bytes> {
    /// A body of this data and these trailers.
    fn from_buffered(whole: BufferedBody) -> Self;
}

/// Without trailers.
impl FromBuffered for Full<Bytes> {
    fn from_buffered(whole: BufferedBody) -> Self {
        Self::new(whole.bytes().clone())
    }
}

/// Without trailers. What is no UTF-8 was no `String`, and becomes an empty one.
impl FromBuffered for String {
    fn from_buffered(whole: BufferedBody) -> Self {
        Self::from_utf8(whole.bytes().to_vec()).unwrap_or_default()
    }
}

impl FromBuffered for BufferedBody {
    fn from_buffered(whole: BufferedBody) -> Self {
        whole
    }
}

impl<E> FromBuffered for combinators::BoxBody<Bytes, E> {
    fn from_buffered(whole: BufferedBody) -> Self {
        whole.map_err(|never| match never {}).boxed()
    }
}

impl<E> FromBuffered for combinators::UnsyncBoxBody<Bytes, E> {
    fn from_buffered(whole: BufferedBody) -> Self {
        whole.map_err(|never| match never {}).boxed_unsync()
    }
}

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
impl FromBuffered for axum::body::Body {
    fn from_buffered(whole: BufferedBody) -> Self {
        Self::new(whole)
    }
}

#[cfg(feature = "tonic")]
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
impl FromBuffered for tonic::body::Body {
    fn from_buffered(whole: BufferedBody) -> Self {
        Self::new(whole)
    }
}
