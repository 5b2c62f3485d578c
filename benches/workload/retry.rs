//! Calls that succeed, through layers that could send them again.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, header::ACCEPT};
use http_body_util::Full;
use sluicegate::client::RetryLayer;
use tower::{Layer, Service, layer::util::Identity, retry};

use super::side::Side;

type Call = Request<Full<Bytes>>;

/// A client whose server responds at once.
#[derive(Clone)]
struct Client;

impl Service<Call> for Client {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Full<Bytes>>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _call: Call) -> Self::Future {
        ready(Ok(Response::new(Full::default())))
    }
}

/// Clones each request, and never sends one again.
#[derive(Clone)]
struct Never;

impl<T, E> retry::Policy<Call, T, E> for Never {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Call, _: &mut Result<T, E>) -> Option<Ready<()>> {
        None
    }

    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        Some(call.clone())
    }
}

pub(crate) fn bare() -> Side {
    sent(Identity::new())
}

pub(crate) fn ours() -> Side {
    sent(RetryLayer::new())
}

pub(crate) fn tower() -> Side {
    sent(retry::RetryLayer::new(Never))
}

fn sent<L, B>(layer: L) -> Side
where
    L: Layer<Client>,
    L::Service: Service<Call, Response = Response<B>> + Clone + Sync + 'static,
{
    let uri = Uri::from_static("http://orders.internal:8080/orders");
    let body = Bytes::from_static(b"an order");
    let call = move || {
        let mut call = Request::new(Full::new(body.clone()));
        *call.method_mut() = Method::PUT;
        *call.uri_mut() = uri.clone();
        let json = HeaderValue::from_static("application/json");
        call.headers_mut().insert(ACCEPT, json);
        call
    };
    Side::admitting(layer.layer(Client), move |client, _step| {
        answers(client, call())
    })
}

fn answers<S, B>(client: &mut S, call: Call) -> bool
where
    S: Service<Call, Response = Response<B>>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let is_ready = matches!(client.poll_ready(&mut cx), Poll::Ready(Ok(())));
    assert!(is_ready, "a client of a bench is always ready");
    match pin!(client.call(call)).poll(&mut cx) {
        Poll::Ready(Ok(response)) => response.status().is_success(),
        _ => panic!("a server of a bench responds at once"),
    }
}
