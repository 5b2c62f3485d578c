//! An axum router whose requests are counted, up to the end of the body.

use std::{
    future::Future as _,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use axum::{Router, body::Body, routing::get};
use axum_prometheus::PrometheusMetricLayer;
use http::Request;
use http_body::Body as _;
use sluicegate::red::{RedLayer, Registry};
use tower::{Service, layer::layer_fn};

use super::side::Side;

fn router() -> Router {
    Router::new().route("/orders/{id}", get(|| async { "an order" }))
}

/// Without a layer.
pub(crate) fn bare() -> Side {
    served(router())
}

/// What axum itself takes for a layer: it boxes the service and its futures.
pub(crate) fn nothing() -> Side {
    served(router().layer(layer_fn(Nothing)))
}

pub(crate) fn ours() -> Side {
    served(router().layer(RedLayer::server(&Registry::new())))
}

pub(crate) fn axum_prometheus() -> Side {
    let (layer, _handle) = PrometheusMetricLayer::pair();
    served(router().layer(layer))
}

#[derive(Clone)]
struct Nothing<S>(S);

impl<S, Req> Service<Req> for Nothing<S>
where
    S: Service<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, req: Req) -> S::Future {
        self.0.call(req)
    }
}

fn served(router: Router) -> Side {
    // As a server does, so that layers are not put on anew for each request.
    let router = router.with_state(());
    Side::admitting(router, |router, _step| answers_whole(router))
}

fn answers_whole(router: &mut Router) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    let request = Request::get("/orders/7").body(Body::empty());
    let request = request.expect("a path is all that it needs");
    let ready = <Router as Service<Request<Body>>>::poll_ready(router, &mut cx);
    assert!(ready.is_ready(), "a router is always ready");
    let Poll::Ready(Ok(response)) = pin!(router.call(request)).poll(&mut cx) else {
        panic!("handlers of a bench answer at once");
    };
    let passed = response.status().is_success();
    let mut body = response.into_body();
    // As hyper does: whoever says that it has ended is not asked again.
    while !body.is_end_stream() {
        match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(_))) => (),
            Poll::Ready(None) => break,
            _ => panic!("bodies of a bench are whole"),
        }
    }
    passed
}
