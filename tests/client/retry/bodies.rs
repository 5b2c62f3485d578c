//! Request bodies are sent again whole, or the call is not sent again.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Request};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use sluicegate::{
    client::{BodySource, RepeatableBody, TapedBody, retry::Stop},
    refusal::BoxError,
};
use tower::{Layer, ServiceExt};

use super::support::{Does, Server, layer};

/// Sends a PUT with this body to a server that fails once. Returns the bodies
/// that it has seen.
async fn bodies<B>(body: B, max_bytes: usize) -> Vec<Bytes>
where
    B: RepeatableBody + Body<Data = Bytes, Error: std::fmt::Debug + Into<BoxError>>,
    B: Send + 'static,
{
    let server = Server::new([Does::says(503), Does::says(503)]);
    let (layer, counts) = layer();
    let client = layer.max_body_bytes(max_bytes).layer(server.clone());
    let req = Request::put("http://server/").body(body).unwrap();
    client.oneshot(req).await.unwrap();
    let seen: Vec<_> = server.seen().into_iter().map(|it| it.body).collect();
    let counted = counts.snapshot();
    assert_eq!(counted.attempts(), seen.len() as u64);
    assert_eq!(counted.stopped(Stop::Body), u64::from(seen.len() == 1));
    seen
}

fn chunks(
    chunks: &'static [&'static str],
) -> impl Body<Data = Bytes, Error = BoxError> + Send + Sync + Unpin {
    let frames = chunks
        .iter()
        .map(|chunk| Ok(Frame::data(Bytes::from(*chunk))));
    StreamBody::new(stream::iter(frames))
}

#[tokio::test(start_paused = true)]
async fn a_body_of_any_kind_is_sent_again_whole() {
    const CHUNKS: &[&str] = &["one ", "two ", "three"];
    let whole = vec![Bytes::from_static(b"one two three"); 3];
    assert_eq!(bodies("one two three".to_owned(), 64).await, whole);
    assert_eq!(
        bodies(http_body_util::Full::from("one two three"), 64).await,
        whole
    );
    assert_eq!(bodies(TapedBody::new(chunks(CHUNKS)), 64).await, whole);
    assert_eq!(bodies(chunks(CHUNKS).boxed_unsync(), 64).await, whole);
    assert_eq!(
        bodies(axum::body::Body::new(chunks(CHUNKS)), 64).await,
        whole
    );
    assert_eq!(
        bodies(tonic::body::Body::new(chunks(CHUNKS)), 64).await,
        whole
    );
    let of_reqwest = [
        reqwest::Body::from("one two three"),
        reqwest::Body::wrap(TapedBody::new(chunks(CHUNKS).boxed())),
    ];
    for body in of_reqwest {
        assert_eq!(bodies(body, 64).await, whole);
    }
    assert_eq!(
        bodies(tonic::body::Body::empty(), 64).await,
        vec![Bytes::new(); 3]
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_is_kept_up_to_the_bound_and_not_a_byte_more() {
    const CHUNKS: &[&str] = &["one ", "two ", "three"];
    assert_eq!(bodies(TapedBody::new(chunks(CHUNKS)), 13).await.len(), 3);
    assert_eq!(
        bodies(TapedBody::new(chunks(CHUNKS)), 12).await,
        ["one two three"]
    );
    assert_eq!(bodies("one two three".to_owned(), 13).await.len(), 3);
    assert_eq!(
        bodies("one two three".to_owned(), 12).await,
        ["one two three"]
    );
    assert_eq!(
        bodies(reqwest::Body::from("one two three"), 12).await.len(),
        1
    );
    assert_eq!(
        bodies(axum::body::Body::from("one two three"), 12)
            .await
            .len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn trailers_of_a_request_are_sent_again() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "7".parse().unwrap());
    let frames = [
        Frame::data(Bytes::from("a")),
        Frame::trailers(trailers.clone()),
    ];
    let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
    let (mut first, source) = TapedBody::new(body).repeatable(9);
    let mut source = source.unwrap();
    let mut half = source.next().unwrap();
    assert!(
        first.frame().await.unwrap().is_err(),
        "it is no longer used"
    );
    assert!(half.frame().await.unwrap().unwrap().is_data());
    let whole = source.next().unwrap();
    assert_eq!(whole.size_hint().lower(), 1);
    assert!(half.frame().await.unwrap().is_err());
    let read = whole.collect().await.unwrap();
    assert_eq!(read.trailers(), Some(&trailers));
    assert!(source.is_read());
    let again = source.next().unwrap();
    drop(source);
    let read = again.collect().await.unwrap();
    assert_eq!(read.trailers(), Some(&trailers));
    assert_eq!(read.to_bytes(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_is_not_sent_again() {
    let frames = [Ok(Frame::data(Bytes::from("a"))), Err("the disk is gone")];
    let body = TapedBody::new(StreamBody::new(stream::iter(frames)));
    let server = Server::new([]);
    let (layer, counts) = layer();
    let client = layer.layer(server.clone());
    let error = client
        .oneshot(Request::put("http://server/").body(body).unwrap())
        .await;
    assert_eq!(error.unwrap_err().to_string(), "the disk is gone");
    assert_eq!((server.calls(), counts.snapshot().retries()), (0, 0));
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A body with one frame, and more that never come.
fn endless() -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
    let first = stream::iter([Ok(Frame::data(Bytes::from("a")))]);
    StreamBody::new(first.chain(stream::pending()))
}

#[test]
fn a_body_that_waits_is_told_that_another_attempt_has_begun() {
    let (mut old, source) = TapedBody::new(endless()).repeatable(9);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut old).poll_frame(&mut cx).is_ready());
    assert!(Pin::new(&mut old).poll_frame(&mut cx).is_pending());
    let mut new = source.unwrap().next().unwrap();
    // Otherwise its connection would wait for it for ever.
    assert_eq!(woken.0.load(SeqCst), 1);
    let failed = Pin::new(&mut old).poll_frame(&mut cx);
    assert!(matches!(failed, Poll::Ready(Some(Err(_)))));
    assert!(Pin::new(&mut new).poll_frame(&mut cx).is_ready());
}

#[tokio::test]
async fn frames_that_no_attempt_needs_are_dropped() {
    let chunk = Bytes::from(vec![b'x'; 100]);
    let frames = [chunk.clone(), Bytes::from("b"), Bytes::from("c")];
    let frames = frames.map(|data| Ok::<_, Infallible>(Frame::data(data)));
    let (mut body, source) = TapedBody::new(StreamBody::new(stream::iter(frames))).repeatable(999);
    drop(body.frame().await);
    assert!(!chunk.is_unique(), "it may be sent again");
    // The call has its response, and goes on to write its body.
    drop(source);
    drop(body.frame().await);
    assert!(chunk.is_unique());
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "c"
    );
    assert!(body.frame().await.is_none());
}
