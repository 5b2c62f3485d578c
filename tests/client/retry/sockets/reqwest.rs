//! HTTP/1.1 by reqwest.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};
use sluicegate::client::{ReqwestClient, retry::Counts};
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
