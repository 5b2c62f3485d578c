//! HTTP/2 by hyper-util's client, and a server that is made of frames.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use tower::{Layer, ServiceExt};

use super::server::{Reply, Scripted, go_away, hyper_client, quick, reset};

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
async fn a_stream_that_is_reset_for_another_reason_may_have_been_processed() {
    let script = || vec![Reply::Keep(reset(1, INTERNAL_ERROR))];
    assert_eq!(sent(Method::POST, script()).await, (1, false));
    assert_eq!(sent(Method::PUT, script()).await, (2, true));
    let cut = || vec![Reply::Close(Vec::new())];
    assert_eq!(sent(Method::POST, cut()).await, (1, false));
    assert_eq!(sent(Method::PUT, cut()).await, (2, true));
}
