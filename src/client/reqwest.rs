//! Puts `reqwest::Client` under layers for `http` types. It is a Tower service,
//! but has types of its own for requests and responses.

use std::{
    any::Any,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use ::reqwest::Body as ReqwestBody;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::error::BoxError;

/// A `reqwest::Client` as a service for `http` types, so that the layers of this
/// crate and of `tower-http` fit around it. Needs the feature `reqwest`.
///
/// It neither boxes nor clones: a response is the one of `reqwest`, whose body is
/// a [`Body`](http_body::Body) already. Turn it back by
/// `reqwest::Response::from`, for methods such as `json`.
///
/// ```
/// use http::Request;
/// use http_body_util::Full;
/// use bytes::Bytes;
/// use sluicegate::client::{ObeyLayer, ReqwestClient, RetryLayer};
/// use tower::{Layer, Service};
///
/// let client = ReqwestClient::default();
/// let mut client = RetryLayer::new().layer(ObeyLayer::new().layer(client));
/// let request = Request::get("http://localhost:1/").body(Full::<Bytes>::default()).unwrap();
/// // A future, which sends the call when it is awaited.
/// let response = client.call(request);
/// # drop(response);
/// ```
///
/// # Redirects and retries of `reqwest`
///
/// `reqwest` follows a redirect inside one call, so the layers see one call. It
/// cannot send a body twice unless its bytes are known, as those of a
/// `reqwest::Body` that was made of bytes, a `Full<Bytes>`, a `String` and an
/// empty body are; a response with status 307 or 308 to another body is returned
/// as it is.
///
/// It also repeats such a call up to twice that HTTP/2 has refused, each time that
/// a [`RetryLayer`](super::RetryLayer) sends it. [`ReqwestClient::default`] turns
/// that off. So does a client of your own with
/// `reqwest::Client::builder().retry(reqwest::retry::never())`.
#[derive(Clone, Debug)]
pub struct ReqwestClient {
    inner: reqwest::Client,
}

impl ReqwestClient {
    /// Wraps a client. Clones share its connections.
    pub fn new(client: reqwest::Client) -> Self {
        Self { inner: client }
    }

    inner_accessors!(reqwest::Client);
}

impl Default for ReqwestClient {
    /// Wraps a client with the default settings of `reqwest` that leaves retries
    /// to the layers around it.
    ///
    /// # Panics
    ///
    /// Where `reqwest::Client::new` does: if TLS cannot be set up, or the resolver
    /// cannot read the system's configuration.
    fn default() -> Self {
        let builder = reqwest::Client::builder().retry(reqwest::retry::never());
        let client = builder.build();
        Self::new(client.expect("the default settings of reqwest are valid"))
    }
}

impl From<reqwest::Client> for ReqwestClient {
    fn from(client: reqwest::Client) -> Self {
        Self::new(client)
    }
}

impl<B> Service<Request<B>> for ReqwestClient
where
    B: Body<Data: Into<Bytes>, Error: Into<BoxError>> + Send + Sync + 'static,
{
    type Response = Response<ReqwestBody>;
    type Error = reqwest::Error;
    type Future = ReqwestFuture;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), reqwest::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> ReqwestFuture {
        let state = match reqwest::Request::try_from(req.map(body)) {
            Ok(req) => State::Calling {
                response: self.inner.call(req),
            },
            Err(error) => State::Failed { error: Some(error) },
        };
        ReqwestFuture { state }
    }
}

/// Returns the body as one of `reqwest`: of known bytes if it is in memory, so
/// that it can be sent again after a redirect.
fn body<B>(body: B) -> ReqwestBody
where
    B: Body<Data: Into<Bytes>, Error: Into<BoxError>> + Send + Sync + 'static,
{
    if body.is_end_stream() {
        return ReqwestBody::default();
    }
    let mut body = Some(body);
    let any: &mut dyn Any = &mut body;
    if let Some(own) = take(any) {
        return own;
    }
    if let Some(full) = take::<Full<Bytes>>(any) {
        return in_memory(full).into();
    }
    if let Some(text) = take::<String>(any) {
        return text.into();
    }
    body.map_or_else(ReqwestBody::default, ReqwestBody::wrap)
}

/// Takes a body if it is of this type.
fn take<B: 'static>(body: &mut dyn Any) -> Option<B> {
    body.downcast_mut::<Option<B>>()?.take()
}

/// Returns the data of a body that is in memory.
pub(super) fn in_memory<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Bytes {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(&mut body).poll_frame(&mut cx) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

pin_project! {
    /// The future of a [`ReqwestClient`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ReqwestFuture {
        #[pin]
        state: State<<reqwest::Client as Service<reqwest::Request>>::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Calling {
            #[pin]
            response: F,
        },
        // `reqwest` cannot send the request, such as one without a host.
        Failed {
            error: Option<reqwest::Error>,
        },
    }
}

impl Future for ReqwestFuture {
    type Output = Result<Response<ReqwestBody>, reqwest::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Calling { response } => {
                Poll::Ready(ready!(response.poll(cx)).map(Response::from))
            }
            StateProj::Failed { error } => {
                Poll::Ready(Err(error.take().expect("polled after completion")))
            }
        }
    }
}

impl fmt::Debug for ReqwestFuture {
    debug_state!(ReqwestFuture, State, Calling, Failed);
}
