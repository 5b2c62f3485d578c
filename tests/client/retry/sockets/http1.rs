//! HTTP/1.1 by hyper-util's client.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use sluicegate::client::{TapedBody, retry::Counts};
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
async fn of_two_times_the_longer_one_counts() {
    let after = |times: [&str; 2]| {
        let [one, other] = times.map(|time| format!("retry-after: {time}\r\n"));
        let head = "HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n";
        vec![Reply::Keep(format!("{head}{one}{other}\r\n").into())]
    };
    for late in [["0", "301"], ["301", "0"], ["soon", "301"]] {
        let sent = sent(Method::PUT, after(late)).await;
        assert_eq!(sent, says(1, "503"), "{late:?}");
    }
    for now in [["0", "0"], ["-301", "0"]] {
        let sent = sent(Method::PUT, after(now)).await;
        assert_eq!(sent, says(2, "200"), "{now:?}");
    }
}

#[tokio::test]
async fn statuses_that_are_no_failures_are_delivered() {
    for status in [
        "408 Timeout",
        "425 Too Early",
        "429 Too Many",
        "409 Conflict",
    ] {
        for end in ["", "connection: close\r\n"] {
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n{end}\r\n");
            let script = match end {
                "" => vec![Reply::Keep(head.into())],
                _ => close(&head),
            };
            assert_eq!(sent(Method::PUT, script).await, says(1, &status[..3]));
        }
    }
}

#[tokio::test]
async fn what_comes_before_the_response_is_no_answer() {
    let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n";
    let failed = format!("{early}HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n");
    for (text, post) in [(early, "error"), (&failed, "503")] {
        assert_eq!(sent(Method::PUT, close(text)).await, says(2, "200"));
        assert_eq!(sent(Method::POST, close(text)).await, says(1, post));
    }
}

#[tokio::test]
async fn lengths_that_are_wrong_confuse_no_later_attempt() {
    let failed = "HTTP/1.1 503 Unavailable\r\ncontent-length: ";
    // More bytes than the head tells of, which look like another response.
    let more = format!("{failed}2\r\n\r\nnoHTTP/1.1 204 Gone\r\n\r\n");
    let script = vec![Reply::Keep(more.into())];
    assert_eq!(sent(Method::PUT, script).await, says(2, "200"));
    for wrong in ["2\r\ncontent-length: 3", "-1", "two"] {
        let text = format!("{failed}{wrong}\r\n\r\nno");
        assert_eq!(sent(Method::PUT, close(&text)).await, says(2, "200"));
        assert_eq!(sent(Method::POST, close(&text)).await, says(1, "error"));
    }
}

#[tokio::test]
async fn a_response_before_the_request_is_read_is_a_failure_like_any_other() {
    let failed = "HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n";
    // More than the sockets buffer.
    let body = Bytes::from(vec![b'x'; 8 << 20]);
    for (max_bytes, calls) in [(body.len(), 2), (body.len() - 1, 1)] {
        let server = Scripted::start(false, vec![Reply::Early(failed.into())]).await;
        let client = quick().max_body_bytes(max_bytes);
        let client = client.layer(hyper_client(false));
        let req = Request::put(format!("http://{}/things", server.address));
        let req = req.body(Full::new(body.clone())).unwrap();
        _ = client.oneshot(req).await;
        let served = server.served();
        assert_eq!(served.len(), calls);
        assert!(calls == 1 || served[1].ends_with(&body));
    }
}

#[tokio::test]
async fn a_body_that_fails_on_its_way_is_the_fault_of_the_client() {
    let server = Scripted::start(false, vec![Reply::Keep(Vec::new())]).await;
    let frames = [Ok(Frame::data(Bytes::from("a"))), Err("the disk is gone")];
    let body = TapedBody::new(StreamBody::new(stream::iter(frames)));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let counts = Arc::new(Counts::default());
    let client = quick().observe(counts.clone()).layer(client);
    let req = Request::put(format!("http://{}/things", server.address));
    client.oneshot(req.body(body).unwrap()).await.unwrap_err();
    let counted = counts.snapshot();
    assert_eq!((counted.attempts(), counted.stopped_not_repeatable), (1, 1));
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
