//! An HTTP client that keeps asking, as clients with a key may.

use std::{net::SocketAddr, time::Duration};

use axum::body::Body;
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::{sync::watch, time};

/// The client. Clones share its connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pool: Pool<HttpConnector, Body>,
    /// Where the worker is now.
    address: watch::Receiver<SocketAddr>,
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) is_replayed: bool,
    pub(crate) text: String,
}

impl Answer {
    /// Returns the body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

impl Client {
    /// Creates a client that follows a worker that moves.
    pub(crate) fn following(address: watch::Receiver<SocketAddr>) -> Self {
        let pool = Pool::builder(TokioExecutor::new()).build_http();
        Self { pool, address }
    }

    /// Creates a client of one worker.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::following(watch::channel(address).1)
    }

    /// Sends a request once; `None` if no whole response came.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: &str,
    ) -> Option<Answer> {
        let address = *self.address.borrow();
        let mut request = axum::http::Request::builder()
            .method(method)
            .uri(format!("http://{address}{path}"))
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.pool.request(request).await.ok()?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let header = |name: &str| head.headers.get(name)?.to_str().ok();
        Some(Answer {
            status: head.status.as_u16(),
            retry_after: header("retry-after").and_then(|text| text.parse().ok()),
            is_replayed: header("idempotency-replayed") == Some("true"),
            text: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Answer> {
        self.send("GET", path, None, "").await
    }

    pub(crate) async fn post(&self, path: &str, key: Option<&str>, body: &str) -> Answer {
        let answer = self.send("POST", path, key, body).await;
        answer.expect("the worker answers")
    }

    /// Sends a request under its key until it is accepted or refused for good.
    pub(crate) async fn insist(&self, path: &str, key: &str, body: &str) -> Answer {
        loop {
            match self.send("POST", path, Some(key), body).await {
                Some(answer) if answer.status != 503 => return answer,
                // The worker is dead, or full.
                _ => time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Asks until the answer is as it should be.
    pub(crate) async fn until(&self, path: &str, is_there: impl Fn(&Answer) -> bool) -> Answer {
        loop {
            if let Some(answer) = self.get(path).await
                && is_there(&answer)
            {
                return answer;
            }
            time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until nothing is pending.
    pub(crate) async fn settled(&self) {
        let is_settled = |answer: &Answer| answer.json()["pending"] == 0;
        self.until("/totals", is_settled).await;
    }

    /// Waits until the worker accepts no connections.
    pub(crate) async fn until_gone(&self) {
        while self.get("/healthz").await.is_some() {
            time::sleep(Duration::from_millis(10)).await;
        }
    }
}
