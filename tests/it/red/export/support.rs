use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response};
use sluicegate::{
    clock::Manual,
    red::{RedLayer, Registry, Template},
};
use tower::{Layer, ServiceExt, service_fn};

/// A request that fails after so long.
pub(super) fn ask(metrics: &Registry, clock: &Manual, took: Duration) {
    let service = service_fn(async |_: Request<String>| {
        clock.advance(took);
        Ok::<_, ()>(Response::builder().status(500).body(String::new()).unwrap())
    });
    let req = Request::get("/orders/7").extension(Template("/orders/{id}"));
    let req = req.body(String::new()).unwrap();
    let answer = RedLayer::server(metrics).layer(service).oneshot(req);
    answer.now_or_never().unwrap().unwrap();
}
