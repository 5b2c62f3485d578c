//! A chain of calls in which the server calls itself. It shows how much time a
//! deadline leaves at each hop.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{Request, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, Serialize};
use sluicegate::{
    deadline::{self, PropagateDeadline, PropagateDeadlineLayer},
    red::{Red, RedLayer, Registry, Template},
};
use tokio::time;
use tower::{Layer, ServiceExt};

use crate::problem::Problem;

/// The largest number of hops.
const MAX_HOPS: u32 = 20;

/// A client that passes the remaining time on to the server, and counts its calls.
#[derive(Clone)]
pub(crate) struct Chain {
    own_address: SocketAddr,
    client: Red<PropagateDeadline<Client<HttpConnector, Body>>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    hops: u32,
    ms: u64,
}

/// The hops, the first one first.
#[derive(Debug, Deserialize, Serialize)]
struct Report {
    hops: Vec<Hop>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Hop {
    /// `None` without a deadline.
    remaining_ms: Option<u64>,
}

impl Chain {
    pub(crate) fn new(own_address: SocketAddr, metrics: &Registry) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let client = PropagateDeadlineLayer::new().layer(client);
        Self {
            own_address,
            client: RedLayer::client(metrics).layer(client),
        }
    }

    /// Returns the hops from the next one on, or the error response of a hop as it is.
    async fn call(&self, hops: u32, ms: u64) -> Result<Report, Response> {
        let uri = format!("http://{}/chain?hops={hops}&ms={ms}", self.own_address);
        let uri: Uri = uri.parse().expect("an address and numbers make a URI");
        let request = Request::get(uri)
            .extension(Template("/chain"))
            .body(Body::empty());
        let request = request.expect("a URI is enough for a request");
        let response = self.client.clone().oneshot(request).await;
        let response = response.map_err(|error| failed(error.to_string()))?;
        let (status, content_type) = (
            response.status(),
            response.headers().get(CONTENT_TYPE).cloned(),
        );
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| failed(error.to_string()))?.to_bytes();
        if status != StatusCode::OK {
            // A response that the client's own layers made has no body.
            return Err(match content_type {
                Some(it) => (status, [(CONTENT_TYPE, it)], body).into_response(),
                None => Problem::new(status, "the client gave up on the next hop").into_response(),
            });
        }
        serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))
    }
}

/// Sleeps for a while, and then calls the next hop, which does the same.
pub(crate) async fn chain(
    State(chain): State<Chain>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Parameters { hops, ms }) = parameters?;
    if !(1..=MAX_HOPS).contains(&hops) {
        let detail = format!("invalid hops {hops}: must be 1 to {MAX_HOPS}");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let remaining = deadline::current().map(|deadline| deadline.remaining());
    let remaining_ms = remaining.map(|left| left.as_millis() as u64);
    time::sleep(Duration::from_millis(ms)).await;
    let mut report = Report {
        hops: vec![Hop { remaining_ms }],
    };
    if hops > 1 {
        match chain.call(hops - 1, ms).await {
            Ok(others) => report.hops.extend(others.hops),
            Err(refused) => return Ok(refused),
        }
    }
    Ok(Json(report).into_response())
}

fn failed(detail: String) -> Response {
    Problem::new(StatusCode::BAD_GATEWAY, detail).into_response()
}
