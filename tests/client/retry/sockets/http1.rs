//! HTTP/1.1 by hyper-util's client.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use sluicegate::client::retry::Counts;
use tower::{Layer, ServiceExt};

use super::server::{Reply, Scripted, hyper_client, quick};

/// Sends a request with a body. Returns how often it arrived, and its status or
/// `error`, with ` cut` if the body of the response was cut.
async fn sent(method: Method, script: Vec<Reply>) -> (usize, String) {
    let server = Scripted::start(false, script).await;
    let client = quick().layer(hyper_client(false));
    let uri = format!("http://{}/things", server.address);
    let req = Request::builder().method(method).uri(uri);
    let result = client
        .oneshot(req.body(Full::new(Bytes::from("a thing"))).unwrap())
        .await;
    let end = match result {
        Err(_) => "error".to_owned(),
        Ok(response) => {
            let status = response.status().as_u16();
            let is_cut = response.into_body().collect().await.is_err();
            format!("{status}{}", if is_cut { " cut" } else { "" })
        }
    };
    for request in server.served() {
        assert!(request.ends_with(b"a thing"), "each attempt has the body");
    }
    (server.calls(), end)
}

fn close(text: &str) -> Vec<Reply> {
    vec![Reply::Close(text.into())]
}

fn says(calls: usize, end: &str) -> (usize, String) {
    (calls, end.to_owned())
}

#[tokio::test]
async fn a_connection_that_breaks_may_have_been_processed() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\nconten",
        "what?\r\n\r\n",
        "HTTP/1.1 503 ",
    ] {
        assert_eq!(
            sent(Method::PUT, close(text)).await,
            says(2, "200"),
            "{text}"
        );
        assert_eq!(
            sent(Method::POST, close(text)).await,
            says(1, "error"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_response_that_is_cut_in_its_body_is_delivered() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort";
    assert_eq!(sent(Method::PUT, close(cut)).await, says(1, "200 cut"));
    let failed = "HTTP/1.1 503 Unavailable\r\ncontent-length: 100\r\n\r\nshort";
    assert_eq!(sent(Method::PUT, close(failed)).await, says(2, "200"));
    assert_eq!(sent(Method::POST, close(failed)).await, says(1, "503 cut"));
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n";
    assert_eq!(sent(Method::PUT, close(chunked)).await, says(1, "200 cut"));
}

#[tokio::test]
async fn retry_after_may_be_nonsense() {
    let after = |value: &str| {
        let head = "HTTP/1.1 503 Unavailable\r\ncontent-length: 4\r\n";
        vec![Reply::Keep(
            format!("{head}retry-after: {value}\r\n\r\nbusy").into(),
        )]
    };
    for now in [
        "0",
        "-1",
        "",
        "soon",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Nov 6",
    ] {
        assert_eq!(sent(Method::PUT, after(now)).await, says(2, "200"), "{now}");
        assert_eq!(
            sent(Method::POST, after(now)).await,
            says(1, "503"),
            "{now}"
        );
    }
    for late in ["1000000000000", "Fri, 31 Dec 9999 23:59:59 GMT", "301"] {
        assert_eq!(
            sent(Method::PUT, after(late)).await,
            says(1, "503"),
            "{late}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_is_refused_was_not_sent() {
    let address = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap()
    };
    let counts = Arc::new(Counts::default());
    let client = quick().observe(counts.clone()).layer(hyper_client(false));
    let req = Request::post(format!("http://{address}/")).body(Full::default());
    assert!(client.oneshot(req.unwrap()).await.unwrap_err().is_connect());
    let counted = counts.snapshot();
    assert_eq!((counted.retried_not_sent, counted.attempts()), (2, 3));
}
