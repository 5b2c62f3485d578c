//! An axum router with metrics of its requests, up to the end of the body.

use std::{
    future::Future as _,
    pin::{Pin, pin},
    sync::LazyLock,
    task::{Context, Poll, Waker},
};

use axum::{
    Router,
    body::Body,
    middleware::{self, Next},
    routing::get,
};
use axum_prometheus::PrometheusMetricLayer;
use http::Request;
use http_body::Body as _;
use sluicegate::red::{RedLayer, Registry};
use tower::{Service, layer::layer_fn};

use super::side::Side;

fn router() -> Router {
    Router::new().route("/orders/{id}", get(|| async { "an order" }))
}

/// The router without a layer.
pub(crate) fn bare() -> Side {
    served(router())
}

/// The least that axum's own kind of layer costs.
pub(crate) fn from_fn() -> Side {
    let pass_on = async |request: Request<Body>, next: Next| next.run(request).await;
    served(router().layer(middleware::from_fn(pass_on)))
}

/// The cost of any layer in axum, which boxes the service and its futures.
pub(crate) fn nothing() -> Side {
    served(router().layer(layer_fn(Nothing)))
}

pub(crate) fn ours() -> Side {
    served(router().layer(RedLayer::server(&Registry::new())))
}

pub(crate) fn axum_prometheus() -> Side {
    served(router().layer(axum_prometheus_layer()))
}

/// Returns the peer's layer. It records into the recorder of the process, which can
/// be set only once.
pub(crate) fn axum_prometheus_layer() -> PrometheusMetricLayer<'static> {
    static LAYER: LazyLock<PrometheusMetricLayer<'static>> =
        LazyLock::new(|| PrometheusMetricLayer::pair().0);
    LAYER.clone()
}

#[derive(Clone)]
pub(crate) struct Nothing<S>(pub(crate) S);

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
    // As a server does, so that the layers are not applied again for each request.
    let router = router.with_state(());
    Side::admitting(router, |router, _step| answers_whole(router))
}

fn answers_whole(router: &mut Router) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    let request = Request::get("/orders/7").body(Body::empty());
    let request = request.expect("a path is enough for a request");
    let ready = <Router as Service<Request<Body>>>::poll_ready(router, &mut cx);
    assert!(ready.is_ready(), "a router is always ready");
    let Poll::Ready(Ok(response)) = pin!(router.call(request)).poll(&mut cx) else {
        panic!("a handler of a bench responds at once");
    };
    let passed = response.status().is_success();
    let mut body = response.into_body();
    // As hyper does: a body that says it has ended is not polled again.
    while !body.is_end_stream() {
        match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(_))) => (),
            Poll::Ready(None) => break,
            _ => panic!("a body of a bench has one frame"),
        }
    }
    passed
}
