//! A chain of calls, each to this very server: what a deadline looks like from
//! hop to hop.

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

/// The longest chain.
const MOST: u32 = 20;

/// A client that tells whom it calls how much time is left, and counts its calls.
#[derive(Clone)]
pub(crate) struct Chain {
    myself: SocketAddr,
    client: Red<PropagateDeadline<Client<HttpConnector, Body>>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    hops: u32,
    ms: u64,
}

/// What each hop saw, the first one first.
#[derive(Debug, Deserialize, Serialize)]
struct Answer {
    hops: Vec<Hop>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Hop {
    /// Nothing without a deadline.
    remaining_ms: Option<u64>,
}

impl Chain {
    pub(crate) fn new(myself: SocketAddr, metrics: &Registry) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let client = PropagateDeadlineLayer::new().layer(client);
        Self {
            myself,
            client: RedLayer::client(metrics).layer(client),
        }
    }

    /// The hops from the next one on. Its refusals are passed on as they are.
    async fn call(&self, hops: u32, ms: u64) -> Result<Answer, Response> {
        let uri = format!("http://{}/chain?hops={hops}&ms={ms}", self.myself);
        let uri: Uri = uri.parse().expect("an address and numbers make a URI");
        let request = Request::get(uri)
            .extension(Template("/chain"))
            .body(Body::empty());
        let request = request.expect("a URI is all that it needs");
        let called = self.client.clone().oneshot(request).await;
        let answer = called.map_err(|error| failed(error.to_string()))?;
        let (status, kind) = (answer.status(), answer.headers().get(CONTENT_TYPE).cloned());
        let body = answer.into_body().collect().await;
        let body = body.map_err(|error| failed(error.to_string()))?.to_bytes();
        if status != StatusCode::OK {
            // The client's own refusals have no body.
            return Err(match kind {
                Some(kind) => (status, [(CONTENT_TYPE, kind)], body).into_response(),
                None => Problem::new(status, "the next hop was not waited for").into_response(),
            });
        }
        serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))
    }
}

/// Works for a while, and has the others do the same.
pub(crate) async fn chain(
    State(chain): State<Chain>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Asked { hops, ms }) = asked?;
    if !(1..=MOST).contains(&hops) {
        let detail = format!("invalid hops {hops}: must be 1 to {MOST}");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let remaining = deadline::current().map(|deadline| deadline.remaining());
    let remaining_ms = remaining.map(|left| left.as_millis() as u64);
    time::sleep(Duration::from_millis(ms)).await;
    let mut answer = Answer {
        hops: vec![Hop { remaining_ms }],
    };
    if hops > 1 {
        match chain.call(hops - 1, ms).await {
            Ok(others) => answer.hops.extend(others.hops),
            Err(refused) => return Ok(refused),
        }
    }
    Ok(Json(answer).into_response())
}

fn failed(detail: String) -> Response {
    Problem::new(StatusCode::BAD_GATEWAY, detail).into_response()
}
