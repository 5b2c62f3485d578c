//! HTTP/1.1 by reqwest.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};
use http_body::Body;
use http_body_util::Full;
use sluicegate::{
    client::{RepeatableBody, ReqwestClient, TapedBody, retry::Counts},
    refusal::BoxError,
};
use tower::{Layer, ServiceExt};

use super::server::{Reply, Scripted, quick};

async fn sent(method: Method, script: Vec<Reply>) -> usize {
    let server = Scripted::start(false, script).await;
    let client = quick().layer(ReqwestClient::default());
    let uri = format!("http://{}/things", server.address);
    let req = Request::builder().method(method).uri(uri);
    let body = reqwest::Body::from(Bytes::from("a thing"));
    _ = client.oneshot(req.body(body).unwrap()).await;
    let served = server.served();
    assert!(served.iter().all(|request| request.ends_with(b"a thing")));
    served.len()
}

#[tokio::test]
async fn calls_of_reqwest_are_repeated_by_the_same_rules() {
    let unavailable = "HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n";
    for reply in [unavailable, "", "HTTP/1.1 200 OK\r\nconten"] {
        let script = || vec![Reply::Close(reply.into())];
        assert_eq!(sent(Method::PUT, script()).await, 2, "{reply}");
        assert_eq!(sent(Method::POST, script()).await, 1, "{reply}");
    }
}

/// Returns whether both places get a body like this one, if the first one
/// redirects the call.
async fn follows<B>(body: B) -> bool
where
    B: RepeatableBody + Body<Data: Into<Bytes>, Error: Into<BoxError>> + Send + Sync + 'static,
{
    let redirect = "HTTP/1.1 307 Elsewhere\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n";
    let server = Scripted::start(false, vec![Reply::Keep(redirect.into())]).await;
    let client = quick().layer(ReqwestClient::default());
    let req = Request::put(format!("http://{}/a", server.address));
    let response = client.oneshot(req.body(body).unwrap()).await.unwrap();
    let served = server.served();
    let is_whole = served.iter().all(|it| it.ends_with(b"a thing"));
    response.status() == 200 && served.len() == 2 && is_whole
}

#[tokio::test]
async fn a_redirect_that_repeats_a_body_in_memory_is_followed() {
    assert!(follows(reqwest::Body::from("a thing")).await);
    assert!(follows(Full::new(Bytes::from("a thing"))).await);
    assert!(follows("a thing".to_owned()).await);
    let taped = TapedBody::new(Full::new(Bytes::from("a thing")));
    assert!(!follows(taped).await, "reqwest cannot repeat it");
}

#[tokio::test]
async fn a_connection_that_is_refused_was_not_sent() {
    let address = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap()
    };
    let counts = Arc::new(Counts::default());
    let client = quick()
        .observe(counts.clone())
        .layer(ReqwestClient::default());
    let req = |uri: String| Request::post(uri).body(reqwest::Body::default()).unwrap();
    let refused = client
        .clone()
        .oneshot(req(format!("http://{address}/")))
        .await;
    assert!(refused.unwrap_err().is_connect());
    let counted = counts.snapshot();
    assert_eq!((counted.retried_not_sent, counted.attempts()), (2, 3));
    assert!(client.oneshot(req("/nowhere".to_owned())).await.is_err());
    assert_eq!(counts.snapshot().retries(), 2, "no attempt can succeed");
}
