//! Sends orders to the worker itself, to see it at work.

use std::{net::SocketAddr, time::Duration};

use axum::{
    body::Body,
    http::{Request, header::CONTENT_TYPE},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::{MissedTickBehavior, interval};

/// Sends this many orders a second until it is dropped. Some are sent twice, and some
/// fail.
pub(crate) async fn run(address: SocketAddr, rate: u32) {
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let mut ticks = interval(Duration::from_secs(1) / rate.max(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let key = format!("{:x}", fastrand::u128(..));
        let item = match fastrand::u8(..) {
            0..2 => "poison",
            2..10 => "flaky",
            _ => "book",
        };
        let times = if fastrand::u8(..) < 25 { 2 } else { 1 };
        for _ in 0..times {
            // A refused or failed order is of no interest here.
            let _ = client.request(order(address, &key, item)).await;
        }
    }
}

fn order(address: SocketAddr, key: &str, item: &str) -> Request<Body> {
    let order = format!(r#"{{"item":"{item}","cents":1999,"within_ms":60000}}"#);
    let request = Request::post(format!("http://{address}/orders"))
        .header("idempotency-key", key)
        .header(CONTENT_TYPE, "application/json");
    request.body(order.into()).expect("all parts are valid")
}
