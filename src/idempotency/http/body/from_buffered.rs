//! Request bodies that can be built from a buffer, so that the layer can read a
//! request before the handler does.

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators};

use super::buffered::BufferedBody;

/// A request body that can be built again from the data that was read of it.
///
/// The layer reads a request with a key to its end before it does anything, to
/// compare it with the first one, and then gives it to the handler as a whole.
/// It can do so with the bodies of axum (feature `axum`) and tonic (feature
/// `tonic`), with `Full<Bytes>`, boxed bodies, and `String`. Box other bodies
/// in a layer further out (`map_request(|req| req.map(|body|
/// body.boxed_unsync()))`), or implement this:
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
///     fn from_buffered(body: BufferedBody) -> Self {
///         Mine(Full::new(body.bytes().clone()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a request body `{Self}` cannot be built again once it was read",
    note = "box it in a layer further out, or implement \
            `sluicegate::idempotency::FromBuffered` for it"
)]
pub trait FromBuffered: Body<Data = Bytes> {
    /// Builds a body with this data and these trailers.
    fn from_buffered(body: BufferedBody) -> Self;
}

/// Drops the trailers.
impl FromBuffered for Full<Bytes> {
    fn from_buffered(body: BufferedBody) -> Self {
        Self::new(body.bytes().clone())
    }
}

/// Drops the trailers. The data is UTF-8, because it was read from a `String`;
/// any other becomes an empty one.
impl FromBuffered for String {
    fn from_buffered(body: BufferedBody) -> Self {
        Self::from_utf8(body.bytes().to_vec()).unwrap_or_default()
    }
}

impl FromBuffered for BufferedBody {
    fn from_buffered(body: BufferedBody) -> Self {
        body
    }
}

impl<E> FromBuffered for combinators::BoxBody<Bytes, E> {
    fn from_buffered(body: BufferedBody) -> Self {
        body.map_err(|never| match never {}).boxed()
    }
}

impl<E> FromBuffered for combinators::UnsyncBoxBody<Bytes, E> {
    fn from_buffered(body: BufferedBody) -> Self {
        body.map_err(|never| match never {}).boxed_unsync()
    }
}

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
impl FromBuffered for axum::body::Body {
    fn from_buffered(body: BufferedBody) -> Self {
        Self::new(body)
    }
}

#[cfg(feature = "tonic")]
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
impl FromBuffered for tonic::body::Body {
    fn from_buffered(body: BufferedBody) -> Self {
        Self::new(body)
    }
}
