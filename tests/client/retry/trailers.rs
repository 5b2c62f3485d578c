//! When a call waits for the trailers of its response, and when its caller gets
//! the head at once.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use sluicegate::client::{RepeatableBody, RetryLayer, TapedBody};
use tokio::time::timeout;
use tower::{Layer, ServiceExt, service_fn};

use super::support::{layer, rpc};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Whether the caller of a server that sends a head, and then nothing, gets the
/// head.
async fn gets_head<B: RepeatableBody>(layer: RetryLayer, req: Request<B>) -> bool {
    let server = service_fn(|_: Request<B>| async {
        let silent = stream::pending::<Result<Frame<Bytes>, Infallible>>();
        let response = Response::builder().header("content-type", "application/grpc");
        let body: UnsyncBoxBody<_, _> = StreamBody::new(silent).boxed_unsync();
        Ok::<_, Infallible>(response.body(body).unwrap())
    });
    let call = layer.layer(server).oneshot(req);
    timeout(Duration::from_secs(60), call).await.is_ok()
}

/// A request whose client has more to send.
fn unfinished() -> Request<TapedBody<impl Body<Data = Bytes, Error = Infallible> + Unpin>> {
    let silent = stream::pending::<Result<Frame<Bytes>, Infallible>>();
    rpc("Get").map(|_| TapedBody::new(StreamBody::new(silent)))
}

#[tokio::test(start_paused = true)]
async fn only_a_call_that_may_be_repeated_waits_for_the_first_frame() {
    let named = || layer().0.idempotent(|_| true);
    assert!(!gets_head(named(), rpc("Get")).await);
    let taped = rpc("Get").map(|_| TapedBody::new(Full::<Bytes>::default()));
    assert!(!gets_head(named(), taped).await, "its request was read");

    assert!(gets_head(layer().0, rpc("Get")).await, "it is not named");
    let once = named().max_retries(0);
    assert!(gets_head(once, rpc("Get")).await, "it has no retry left");
    let large = named().max_body_bytes(1);
    assert!(gets_head(large, rpc("Get")).await, "its body is not kept");
    // Otherwise both sides of a stream could wait for each other.
    assert!(gets_head(named(), unfinished()).await, "it goes on");
}

#[tokio::test(start_paused = true)]
async fn an_empty_frame_is_no_message() {
    let calls = AtomicUsize::new(0);
    let server = service_fn(|_: Request<Full<Bytes>>| {
        let code = if calls.fetch_add(1, SeqCst) == 0 {
            14
        } else {
            0
        };
        let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from(code))]);
        let frames = [Frame::data(Bytes::new()), Frame::trailers(trailers)];
        let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
        let response = Response::builder().header("content-type", "application/grpc");
        async { Ok::<_, Infallible>(response.body(body).unwrap()) }
    });
    let client = layer().0.idempotent(|_| true).layer(server);
    let response = client.oneshot(rpc("Get")).await.unwrap();
    let trailers = response.into_body().collect().await.unwrap();
    assert_eq!(trailers.trailers().unwrap()[GRPC_STATUS], "0");
    assert_eq!(calls.load(SeqCst), 2);
}
