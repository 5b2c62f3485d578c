//! HTTP/2 by hyper-util's client, and a server that is made of frames.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sluicegate::client::retry::Counts;
use tokio::net::TcpStream;
use tower::{Layer, ServiceExt, service_fn};

use super::server::{
    END_HEADERS, END_STREAM, HEADERS, Reply, STATUS_200, Scripted, field, frame, go_away,
    hyper_client, quick, reset, success,
};

const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

/// Sends a request. Returns how often it arrived, and whether there was a
/// response.
async fn sent(method: Method, script: Vec<Reply>) -> (usize, bool) {
    let server = Scripted::start(true, script).await;
    let client = quick().layer(hyper_client(true));
    let uri = format!("http://{}/things", server.address);
    let req = Request::builder().method(method).uri(uri);
    let result = client
        .oneshot(req.body(Full::new(Bytes::from("a thing"))).unwrap())
        .await;
    for data in server.served() {
        assert_eq!(data, b"a thing", "each attempt has the body");
    }
    (server.calls(), result.is_ok())
}

#[tokio::test]
async fn a_refused_stream_is_sent_again_whatever_its_method() {
    for method in [Method::PUT, Method::POST] {
        let once = vec![Reply::Keep(reset(1, REFUSED_STREAM))];
        assert_eq!(sent(method.clone(), once.clone()).await, (2, true));
        let ever = once.iter().cycle().take(9).cloned().collect();
        assert_eq!(sent(method, ever).await, (3, false));
    }
}

#[tokio::test]
async fn a_stream_behind_a_goaway_is_sent_again_on_another_connection() {
    for code in [NO_ERROR, ENHANCE_YOUR_CALM] {
        for reply in [Reply::Keep, Reply::Close] {
            let script = vec![reply(go_away(0, code))];
            assert_eq!(sent(Method::POST, script).await, (2, true), "{code}");
        }
    }
}

#[tokio::test]
async fn a_stream_before_a_goaway_may_have_been_processed() {
    for code in [NO_ERROR, ENHANCE_YOUR_CALM, INTERNAL_ERROR] {
        let script = || vec![Reply::Close(go_away(1, code))];
        assert_eq!(sent(Method::POST, script()).await, (1, false), "{code}");
        assert_eq!(sent(Method::PUT, script()).await, (2, true), "{code}");
    }
}

#[tokio::test]
async fn a_call_that_a_closed_connection_gives_back_was_not_sent() {
    let server = Scripted::start(true, vec![Reply::Close(Vec::new())]).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let io = TokioIo::new(stream);
    let executor = TokioExecutor::new();
    let (sender, connection) = http2::handshake(executor, io).await.unwrap();
    let connection = tokio::spawn(connection);
    let sends = service_fn(move |req| sender.clone().send_request(req));
    let counts = Arc::new(Counts::default());
    let client = quick().observe(counts.clone()).layer(sends);
    let call = || {
        let req = Request::post("http://server/things");
        let req = req.body(Full::new(Bytes::from("a thing"))).unwrap();
        client.clone().oneshot(req)
    };
    call().await.unwrap_err();
    assert_eq!(counts.snapshot().stopped_not_repeatable, 1);
    _ = connection.await.unwrap();
    call().await.unwrap_err();
    let counted = counts.snapshot();
    assert_eq!((counted.retried_not_sent, server.calls()), (2, 1));
}

#[tokio::test]
async fn the_last_goaway_counts() {
    const NOT_YET: u32 = (1 << 31) - 1;
    for (first, calls, is_ok) in [(NOT_YET, 2, true), (1, 2, true), (0, 2, true)] {
        let frames = [go_away(first, NO_ERROR), go_away(0, NO_ERROR)].concat();
        let script = vec![Reply::Close(frames)];
        assert_eq!(sent(Method::POST, script).await, (calls, is_ok), "{first}");
    }
    let only_a_warning = vec![Reply::Close(go_away(NOT_YET, NO_ERROR))];
    assert_eq!(sent(Method::POST, only_a_warning).await, (1, false));
}

#[tokio::test]
async fn a_goaway_in_the_middle_of_calls_repeats_those_behind_it_only() {
    let nothing = Reply::Raw(Vec::new());
    let leaves = Reply::Raw([go_away(1, NO_ERROR), success(1)].concat());
    let server = Scripted::start(true, vec![nothing, leaves]).await;
    let client = quick().layer(hyper_client(true));
    let call = |text: &'static str| {
        let req = Request::post(format!("http://{}/things", server.address));
        let req = req.body(Full::new(Bytes::from(text))).unwrap();
        tokio::spawn(client.clone().oneshot(req))
    };
    let first = call("first");
    while server.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let second = call("second");
    for call in [first, second] {
        assert!(call.await.unwrap().unwrap().status().is_success());
    }
    assert_eq!(server.served(), [&b"first"[..], b"second", b"second"]);
}

#[tokio::test]
async fn a_head_is_an_answer_even_if_its_stream_is_refused_later() {
    let refused = [
        frame(HEADERS, END_HEADERS, 1, &[STATUS_200]),
        reset(1, REFUSED_STREAM),
    ];
    let script = || vec![Reply::Keep(refused.concat())];
    assert_eq!(sent(Method::PUT, script()).await, (1, true));
    let hints = frame(HEADERS, END_HEADERS, 1, &field(":status", "103"));
    let script = |code| vec![Reply::Keep([hints.clone(), reset(1, code)].concat())];
    assert_eq!(sent(Method::POST, script(INTERNAL_ERROR)).await, (1, false));
    assert_eq!(sent(Method::PUT, script(INTERNAL_ERROR)).await, (2, true));
    assert_eq!(sent(Method::POST, script(REFUSED_STREAM)).await, (2, true));
}

#[tokio::test]
async fn a_response_before_the_request_is_read_is_a_failure_like_any_other() {
    let failed = frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        &field(":status", "503"),
    );
    let early = Reply::Early([failed, reset(1, NO_ERROR)].concat());
    let body = Bytes::from(vec![b'x'; 1 << 20]);
    for (max_bytes, calls, status) in [(body.len(), 2, 200), (body.len() - 1, 1, 503)] {
        let server = Scripted::start(true, vec![early.clone()]).await;
        let client = quick().max_body_bytes(max_bytes);
        let client = client.layer(hyper_client(true));
        let req = Request::put(format!("http://{}/things", server.address));
        let req = req.body(Full::new(body.clone())).unwrap();
        let response = client.oneshot(req).await.unwrap();
        let served = server.served();
        assert_eq!((served.len(), response.status().as_u16()), (calls, status));
        assert!(calls == 1 || served[1] == body);
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_for_another_reason_may_have_been_processed() {
    let script = || vec![Reply::Keep(reset(1, INTERNAL_ERROR))];
    assert_eq!(sent(Method::POST, script()).await, (1, false));
    assert_eq!(sent(Method::PUT, script()).await, (2, true));
    let cut = || vec![Reply::Close(Vec::new())];
    assert_eq!(sent(Method::POST, cut()).await, (1, false));
    assert_eq!(sent(Method::PUT, cut()).await, (2, true));
}
