//! Which responses an adaptive limit learns from, by their kind.

use std::{
    convert::Infallible,
    future::ready,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Request, Response, header::CONTENT_TYPE};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use sluicegate::{
    concurrency::{Adaptive, Algorithm, ConcurrencyLayer, Local, Sample, Uncounted},
    deadline::{self, Deadline},
};
use tokio::time::advance;
use tower::{Layer, ServiceExt, service_fn};

const MESSAGE: &[u8] = b"\0\0\0\0\x02hi";

const BOTH: &[u8] = b"\0\0\0\0\x02hi\0\0\0\0\x02hi";

type TestBody = UnsyncBoxBody<Bytes, Infallible>;

/// Counts the windows that end. One does with each request that counts and takes
/// a while.
#[derive(Debug)]
struct Windows(Arc<AtomicU32>);

impl Algorithm for Windows {
    fn next(&mut self, limit: f64, _sample: &Sample) -> f64 {
        self.0.fetch_add(1, Relaxed);
        limit
    }
}

/// A response of this type whose body has these pieces; that of gRPC ends with
/// its status.
fn response(content_type: &'static str, pieces: &[&'static [u8]]) -> Response<TestBody> {
    let data = pieces.iter().map(|it| Frame::data(Bytes::from_static(it)));
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let is_grpc = content_type.starts_with("application/grpc");
    let last = is_grpc.then(|| Frame::trailers(trailers));
    let frames: Vec<_> = data.chain(last).map(Ok).collect();
    let mut response = Response::new(StreamBody::new(stream::iter(frames)).boxed_unsync());
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn uncounted(mut response: Response<TestBody>) -> Response<TestBody> {
    response.extensions_mut().insert(Uncounted);
    response
}

/// Calls a service that answers so through a layer. Returns the body, and the
/// count of windows.
async fn call(answer: Response<TestBody>) -> (impl Body<Data = Bytes>, Arc<AtomicU32>) {
    let windows = Arc::new(AtomicU32::new(0));
    let adaptive = Adaptive::by(Windows(windows.clone())).window(Duration::from_millis(1));
    let mut request = Request::new(());
    let content_type = answer.headers()[CONTENT_TYPE].clone();
    request.headers_mut().insert(CONTENT_TYPE, content_type);
    let answer = Arc::new(Mutex::new(Some(answer)));
    let service = service_fn(move |_| {
        let answer = answer.lock().unwrap().take();
        ready(Ok::<_, Infallible>(answer.unwrap()))
    });
    let layer = ConcurrencyLayer::new(Local::adaptive(adaptive));
    let response = layer.layer(service).oneshot(request).await.unwrap();
    (response.into_body(), windows)
}

/// Returns whether a response that is read to its end counts.
async fn counts(answer: Response<TestBody>) -> bool {
    let (body, windows) = call(answer).await;
    advance(Duration::from_secs(1)).await;
    assert!(body.collect().await.is_ok());
    windows.load(Relaxed) > 0
}

#[tokio::test(start_paused = true)]
async fn a_stream_does_not_count() {
    assert!(counts(response("text/plain", &[b"a", b"b"])).await);
    assert!(!counts(response("text/event-stream", &[b"data: a\n\n"])).await);
}

#[tokio::test(start_paused = true)]
async fn a_response_with_the_mark_does_not_count() {
    assert!(!counts(uncounted(response("text/plain", &[b"a"]))).await);
    assert!(!counts(uncounted(response("application/grpc", &[MESSAGE]))).await);
}

#[tokio::test(start_paused = true)]
async fn a_grpc_response_counts_unless_it_has_a_second_message() {
    let cut: [&[u8]; 3] = [b"\0\0\0\0", b"\x02h", b"i"];
    for one in [&[MESSAGE] as &[_], &cut, &[]] {
        assert!(counts(response("application/grpc", one)).await, "{one:?}");
    }
    for two in [&[BOTH] as &[_], &[MESSAGE, MESSAGE]] {
        assert!(!counts(response("application/grpc+proto", two)).await);
    }
}

/// Returns whether a response counts that is dropped after its first frame,
/// once its deadline has passed.
async fn counts_if_cut_off(answer: Response<TestBody>) -> bool {
    let deadline = Deadline::after(Duration::from_millis(500));
    let calling = async {
        let (body, windows) = call(answer).await;
        let mut body = Box::pin(body);
        let frame = pin!(body.frame()).await;
        assert!(frame.is_some());
        (body, windows)
    };
    let (body, windows) = deadline::scope(deadline, calling).await;
    advance(Duration::from_secs(1)).await;
    drop(body);
    windows.load(Relaxed) > 0
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_ends_a_stream_is_not_an_overload() {
    assert!(counts_if_cut_off(response("text/plain", &[b"a", b"b"])).await);
    assert!(counts_if_cut_off(response("application/grpc", &[MESSAGE])).await);
    assert!(!counts_if_cut_off(response("text/event-stream", &[b"a", b"b"])).await);
    assert!(!counts_if_cut_off(uncounted(response("text/plain", &[b"a", b"b"]))).await);
    assert!(!counts_if_cut_off(response("application/grpc", &[BOTH])).await);
}
