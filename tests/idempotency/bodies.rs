//! Bodies that are large, slow, or endless.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use ::http::{HeaderValue, StatusCode, Version};
use axum::{Router, body::Body, middleware::map_response, response::Response};
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, StreamBody};
use sluicegate::idempotency::{Counts, ResponseBody};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::Instant,
};
use tower::ServiceExt;

use crate::{
    server::{Reply, Server, Tally, answering, ask, layer, layer_over, post, watched},
    support::{LEASE, Mood, Moody, is_settled},
};

const MINUTE: Duration = Duration::from_secs(60);

type Chunk = Result<Frame<Bytes>, &'static str>;

/// A body that a test feeds chunk by chunk, with or without a known length.
struct Fed {
    chunks: UnboundedReceiver<Chunk>,
    length: Option<u64>,
}

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Chunk>> {
        let polled = std::task::ready!(self.chunks.poll_recv(cx));
        if let Some(Ok(frame)) = &polled
            && frame.data_ref().is_some_and(|data| data == "panic")
        {
            panic!("on purpose");
        }
        Poll::Ready(polled)
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

type Feeder = UnboundedSender<Chunk>;

/// A router whose response bodies the test feeds, each by a feeder of its own.
fn fed(length: Option<u64>) -> (Router, Tally, Arc<Mutex<Vec<Feeder>>>) {
    let feeders = Arc::new(Mutex::new(Vec::new()));
    let made = feeders.clone();
    let (router, tally) = answering(move |_| {
        let (feeder, chunks) = unbounded_channel();
        made.lock().unwrap().push(feeder);
        async move { Response::new(Body::new(Fed { chunks, length })) }
    });
    (router, tally, feeders)
}

fn feed(feeders: &Mutex<Vec<Feeder>>, text: &'static str) {
    let feeder = feeders.lock().unwrap()[0].clone();
    let _ = feeder.send(Ok(Frame::data(text.into())));
}

/// Ends the body.
fn end(feeders: &Mutex<Vec<Feeder>>) {
    feeders.lock().unwrap().remove(0);
}

/// Returns the response before its body is read.
async fn open(router: &Router) -> Response {
    let request = post("17").body(Body::empty()).unwrap();
    let Ok(response) = router.clone().oneshot(request).await;
    response
}

async fn data(body: &mut Body) -> Bytes {
    let frame = body.frame().await.unwrap().unwrap();
    frame.into_data().unwrap()
}

#[tokio::test]
async fn a_request_body_above_its_cap_is_refused() {
    for is_stream in [false, true] {
        for (length, is_done) in [(0, true), (9, true), (10, true), (11, false)] {
            let (router, tally) = crate::server::counting();
            let (layer, counts) = layer();
            let router = router.layer(layer.max_request_body(10));
            let bytes = vec![7; length];
            let body = match is_stream {
                true => Body::from_stream(stream::iter(
                    bytes
                        .chunks(3)
                        .map(|it| Ok::<_, String>(Bytes::copy_from_slice(it)))
                        .collect::<Vec<_>>(),
                )),
                false => Body::from(bytes),
            };
            let Ok(response) = router.oneshot(post("17").body(body).unwrap()).await;
            let reply = Reply::of(response).await;
            assert_eq!(reply.status.is_success(), is_done, "{length} {reply:?}");
            assert_eq!(tally.count(), usize::from(is_done));
            assert_eq!(counts.snapshot().too_large, u64::from(!is_done));
            if !is_done {
                assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
                assert_eq!(reply.problem(), "body-too-large");
            }
        }
    }
}

/// Returns a body of this many bytes, ready at once or not.
fn body_of(length: usize, is_late: bool) -> Body {
    if !is_late {
        return Body::from(vec![7; length]);
    }
    let chunks = stream::unfold(length, async |left| {
        tokio::task::yield_now().await;
        let size = left.min(4);
        let chunk = Frame::data(Bytes::from(vec![7; size]));
        (size > 0).then_some((Ok::<_, String>(chunk), left - size))
    });
    Body::new(StreamBody::new(Box::pin(chunks)))
}

#[tokio::test]
async fn a_response_above_its_cap_is_not_kept_and_its_work_not_repeated() {
    for is_late in [false, true] {
        for (length, is_kept) in [(0, true), (9, true), (10, true), (11, false), (99, false)] {
            let (router, tally) =
                answering(move |_| async move { Response::new(body_of(length, is_late)) });
            let (layer, counts) = layer();
            let server = Server::of(router.layer(layer.max_response_body(10))).await;
            let first = server.ask(post("17"), "").await;
            assert_eq!(first.body, vec![7; length], "the client gets all of it");
            let again = server.ask(post("17"), "").await;
            assert_eq!(again.is_replayed(), is_kept, "{length}");
            if is_kept {
                assert_eq!(again.body, first.body);
            } else {
                assert_eq!(again.problem(), "response-not-retained");
            }
            assert_eq!((tally.count(), counts.snapshot().completed), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_body_is_streamed_and_kept_at_its_end() {
    let (router, tally, feeders) = fed(None);
    let (layer, counts) = layer();
    let router = router.layer(layer);
    let mut body = open(&router).await.into_body();
    for text in ["an", "answer"] {
        feed(&feeders, text);
        assert_eq!(data(&mut body).await, text);
    }
    let meanwhile = ask(&router, post("17"), "").await;
    assert_eq!(meanwhile.problem(), "still-running");
    assert_eq!(counts.snapshot().completed, 0);
    end(&feeders);
    assert!(body.frame().await.is_none());
    assert_eq!(counts.snapshot().completed, 1);
    let again = ask(&router, post("17"), "").await;
    assert_eq!((again.text(), again.is_replayed()), ("ananswer", true));
    assert_eq!(tally.count(), 1);
}

/// The store is slow.
async fn slow(length: Option<u64>) -> (Body, Arc<Mutex<Vec<Feeder>>>, Arc<Counts>) {
    let store = Moody::new();
    let (router, _, feeders) = fed(length);
    let (layer, counts) = layer_over(store.clone());
    let mut body = open(&router.layer(layer)).await.into_body();
    store.fail(1, Mood::Slow(LEASE / 10));
    feed(&feeders, "an");
    assert_eq!(data(&mut body).await, "an");
    feed(&feeders, "end");
    (body, feeders, counts)
}

#[tokio::test(start_paused = true)]
async fn no_client_has_a_complete_response_before_it_is_stored() {
    let (mut body, feeders, counts) = slow(None).await;
    assert_eq!(data(&mut body).await, "end");
    assert_eq!(counts.snapshot().completed, 0);
    end(&feeders);
    assert!(body.frame().await.is_none());
    assert_eq!(counts.snapshot().completed, 1);

    // A client that knows the length could tell by the last frame that the body
    // is complete.
    let (mut body, feeders, counts) = slow(Some(5)).await;
    assert_eq!(http_body::Body::size_hint(&body).exact(), Some(3));
    tokio::time::sleep(LEASE).await;
    assert!(body.frame().now_or_never().is_none());
    end(&feeders);
    assert_eq!(data(&mut body).await, "end");
    assert_eq!(counts.snapshot().completed, 1);
}

/// A client of HTTP/1.1 uses the header, whatever the body's size hint is.
#[tokio::test(start_paused = true)]
async fn the_last_frame_waits_for_the_store_if_the_length_is_known() {
    let store = Moody::new();
    let (router, _, feeders) = fed(None);
    let router = router.layer(map_response(async |mut response: Response| {
        let length = HeaderValue::from_static("5");
        response.headers_mut().insert("content-length", length);
        response
    }));
    let (layer, counts) = layer_over(store.clone());
    let mut body = open(&router.layer(layer)).await.into_body();
    feed(&feeders, "an");
    assert_eq!(data(&mut body).await, "an");
    store.fail(1, Mood::Slow(LEASE / 10));
    feed(&feeders, "end");
    feed(&feeders, "");
    tokio::time::sleep(LEASE).await;
    assert!(body.frame().now_or_never().is_none());
    end(&feeders);
    assert_eq!(data(&mut body).await, "end");
    assert_eq!(counts.snapshot().completed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_ready_response_is_kept_before_its_head_is_sent() {
    let store = Moody::new();
    let slow = store.clone();
    let (router, _) = answering(move |_| {
        slow.fail(1, Mood::Slow(LEASE / 10));
        async { Response::new(Body::from("an answer")) }
    });
    let (layer, counts) = layer_over(store);
    let response = open(&router.layer(layer)).await;
    assert_eq!(counts.snapshot().completed, 1);
    assert_eq!(Reply::of(response).await.text(), "an answer");
}

#[tokio::test]
async fn a_body_is_read_on_after_its_client_has_gone() {
    let (router, tally, feeders) = fed(None);
    let (layer, counts) = layer();
    let tracker = layer.tracker().clone();
    let (router, gone) = watched(router.layer(layer));
    let server = Server::of(router).await;
    let mut response = server.send(post("17"), "").await;
    feed(&feeders, "an ");
    let first = response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "an ");
    drop(response);
    gone.notified().await;
    assert_eq!(tracker.running(), 1);
    for _ in 0..1_000 {
        feed(&feeders, "answer ");
    }
    end(&feeders);
    assert_eq!(tracker.drain(MINUTE).await, 0);
    let again = server.ask(post("17"), "").await;
    assert_eq!(again.text(), format!("an {}", "answer ".repeat(1_000)));
    assert!(again.is_replayed());
    assert_eq!((tally.count(), counts.snapshot().completed), (1, 1));
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_hold_its_key() {
    let (router, tally, feeders) = fed(None);
    let (layer, counts) = layer();
    let tracker = layer.tracker().clone();
    let router = router.layer(layer);
    let unread = open(&router).await;
    for _ in 0..1_000 {
        feed(&feeders, "answer ");
    }
    end(&feeders);
    assert_eq!(tracker.drain(MINUTE).await, 0);
    assert_eq!(counts.snapshot().completed, 1);
    let again = ask(&router, post("17"), "").await;
    assert_eq!(again.text(), "answer ".repeat(1_000));
    assert!(again.is_replayed());
    assert_eq!(Reply::of(unread).await.text(), again.text());
    assert_eq!(tally.count(), 1);
}

#[tokio::test]
async fn a_body_above_the_cap_waits_for_its_client() {
    let (router, _, feeders) = fed(None);
    let (layer, counts) = layer();
    let tracker = layer.tracker().clone();
    let response = open(&router.layer(layer.max_response_body(700))).await;
    for _ in 0..1_000 {
        feed(&feeders, "answer ");
    }
    end(&feeders);
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!((tracker.running(), counts.snapshot().completed), (1, 0));
    drop(response);
    assert_eq!(tracker.drain(MINUTE).await, 0);
    assert_eq!(counts.snapshot().completed, 1);
}

/// Returns a request body, and the feeder of it.
fn upload(text: &'static str) -> (Feeder, Body) {
    let (feeder, chunks) = unbounded_channel();
    feeder.send(Ok(Frame::data(text.into()))).unwrap();
    let length = None;
    (feeder, Body::new(Fed { chunks, length }))
}

/// Begins to send a request, and waits until the layer has read what was sent.
async fn begin(router: &Router, key: &str, body: Body) -> impl Future<Output = Response> {
    let request = post(key).body(body).unwrap();
    let router = router.clone();
    let mut asked = Box::pin(async move { router.oneshot(request).await.unwrap() });
    assert!(futures_util::poll!(&mut asked).is_pending());
    asked
}

#[tokio::test]
async fn all_request_bodies_share_one_bound() {
    let (router, tally) = crate::server::counting();
    let (layer, counts) = layer();
    let router = router.layer(layer.max_body_memory(10));
    let (feeder, body) = upload("1234567");
    let first = begin(&router, "1", body).await;
    let refused = ask(&router, post("2"), "1234").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.problem(), "overloaded");
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!((tally.count(), counts.snapshot().overloaded), (0, 1));
    assert!(ask(&router, post("3"), "123").await.status.is_success());
    // More than the whole bound.
    let large = ask(&router, post("4"), "12345678901").await;
    assert_eq!(large.problem(), "body-too-large");
    drop(feeder);
    assert!(first.await.status().is_success());
    assert!(
        ask(&router, post("2"), "1234567890")
            .await
            .status
            .is_success()
    );
    let (_feeder, body) = upload("1234567");
    let gone = begin(&router, "5", body).await;
    drop(gone);
    assert!(
        ask(&router, post("6"), "1234567890")
            .await
            .status
            .is_success()
    );
}

#[tokio::test]
async fn a_call_above_the_shared_bound_is_told_when_to_retry() {
    let (router, _) = crate::server::counting();
    let router = router.layer(layer().0.max_body_memory(10));
    let (_feeder, body) = upload("1234567");
    let _first = begin(&router, "1", body).await;
    let call = post("2").header("content-type", "application/grpc");
    let refused = ask(&router, call, "12345").await;
    assert_eq!(refused.headers["grpc-status"], "14");
    assert_eq!(refused.headers["grpc-retry-pushback-ms"], "1000");
}

#[tokio::test]
async fn unread_responses_count_in_the_common_bound() {
    let (router, _, feeders) = fed(None);
    let (layer, _) = layer();
    let tracker = layer.tracker().clone();
    let router = router.layer(layer.max_body_memory(100_000));
    let unread = open(&router).await;
    // Counted once for the client; the record only shares the data.
    let piece: &str = "answer ".repeat(100).leak();
    for _ in 0..50 {
        feed(&feeders, piece);
    }
    end(&feeders);
    assert_eq!(tracker.drain(MINUTE).await, 0);
    let body = "x".repeat(65_001);
    let refused = ask(&router, post("18"), &body).await;
    assert_eq!(refused.problem(), "overloaded");
    drop(unread);
    let ask = post("18").body(Body::from(body)).unwrap();
    assert!(router.oneshot(ask).await.unwrap().status().is_success());
}

/// A response that has begun is sent as a whole, and kept without its body.
#[tokio::test]
async fn a_response_above_the_shared_bound_waits_for_its_client() {
    let (router, tally, feeders) = fed(None);
    let (layer, counts) = layer();
    let tracker = layer.tracker().clone();
    let router = router.layer(layer.max_body_memory(100));
    let response = open(&router).await;
    for _ in 0..1_000 {
        feed(&feeders, "answer ");
    }
    end(&feeders);
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!((tracker.running(), counts.snapshot().completed), (1, 0));
    assert_eq!(Reply::of(response).await.text(), "answer ".repeat(1_000));
    let again = ask(&router, post("17"), "").await;
    assert_eq!(again.problem(), "response-not-retained");
    assert_eq!(tally.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_broken_body_ends_with_an_error_and_has_an_unknown_outcome() {
    for is_panic in [false, true] {
        let (router, tally, feeders) = fed(None);
        let (layer, counts) = layer_over(Moody::new());
        let router = router.layer(layer);
        let mut body = open(&router).await.into_body();
        feed(&feeders, "an");
        assert_eq!(data(&mut body).await, "an");
        if is_panic {
            feed(&feeders, "panic");
        } else {
            feeders.lock().unwrap()[0].send(Err("broken")).unwrap();
        }
        let error = body.frame().await.unwrap().unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains(if is_panic { "cut off" } else { "broken" }),
            "{said}"
        );
        assert!(body.frame().await.is_none());
        assert_eq!(counts.snapshot().abandoned, 1);
        assert_eq!(
            ask(&router, post("17"), "").await.problem(),
            "still-running"
        );
        tokio::time::sleep(LEASE).await;
        drop(open(&router).await);
        assert_eq!(tally.count(), 2, "it is done again");
        assert_eq!(counts.snapshot().recovered, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_broken_at_once_ends_with_its_error() {
    let (router, _, feeders) = fed(None);
    let (layer, counts) = layer_over(Moody::new());
    let waiting = feeders.clone();
    let router = router.layer(map_response(move |response: Response| {
        feed(&waiting, "an");
        waiting.lock().unwrap()[0].send(Err("broken")).unwrap();
        async { response }
    }));
    let mut body = open(&router.layer(layer)).await.into_body();
    assert_eq!(data(&mut body).await, "an");
    assert_eq!(
        body.frame().await.unwrap().unwrap_err().to_string(),
        "broken"
    );
    assert_eq!(counts.snapshot().abandoned, 1);
}

#[tokio::test]
async fn a_stream_of_events_is_kept_without_its_body() {
    let (router, tally, feeders) = fed(None);
    let router = router.layer(map_response(async |mut response: Response| {
        let events = HeaderValue::from_static("text/Event-Stream; charset=utf-8");
        response.headers_mut().insert("content-type", events);
        response
    }));
    let (layer, counts) = layer();
    let tracker = layer.tracker().clone();
    let router = router.layer(layer);
    let response = open(&router).await;
    assert_eq!(counts.snapshot().completed, 1);
    let mut body = response.into_body();
    feed(&feeders, "data: 1\n\n");
    assert_eq!(data(&mut body).await, "data: 1\n\n");
    let again = ask(&router, post("17"), "").await;
    assert_eq!(again.problem(), "response-not-retained");
    assert_eq!((tally.count(), tracker.running()), (1, 0));
    drop(body);
    assert!(
        feeders.lock().unwrap()[0].is_closed(),
        "the endless body is not read on"
    );
}

#[tokio::test]
async fn an_upgrade_is_kept_without_its_body() {
    let (router, tally) = answering(async |_| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response
    });
    let router = router.layer(layer().0);
    assert_eq!(
        open(&router).await.status(),
        StatusCode::SWITCHING_PROTOCOLS
    );
    let again = ask(&router, post("17"), "").await;
    assert_eq!(again.problem(), "response-not-retained");
    assert_eq!(tally.count(), 1);
}

/// The process is suspended for longer than a lease, and its work is taken
/// over.
#[tokio::test(start_paused = true)]
async fn of_two_holders_only_the_one_with_the_lease_is_answered() {
    let whole: Arc<OnceLock<Router>> = Arc::default();
    let other = whole.clone();
    let (router, tally) = answering(move |nth| {
        let other = other.clone();
        async move {
            if nth == 1 {
                tokio::time::advance(LEASE).now_or_never();
                let taken = ask(other.get().unwrap(), post("17"), "").await;
                assert_eq!(taken.text(), "done 2");
            }
            Response::new(format!("done {nth}").into())
        }
    });
    let (layer, counts) = layer_over(Moody::new());
    let router = whole.get_or_init(|| router.layer(layer));
    let late = ask(router, post("17"), "").await;
    assert_eq!(late.problem(), "still-running");
    assert_eq!(ask(router, post("17"), "").await.text(), "done 2");
    assert_eq!((tally.count(), counts.snapshot().lost), (2, 1));
    assert!(is_settled(counts.snapshot()));
}

#[tokio::test(start_paused = true)]
async fn a_body_whose_lease_was_taken_over_ends_with_an_error() {
    let (router, _, feeders) = fed(None);
    let (layer, counts) = layer_over(Moody::new());
    let router = router.layer(layer);
    let mut body = open(&router).await.into_body();
    tokio::time::advance(LEASE).now_or_never();
    drop(open(&router).await);
    feed(&feeders, "an answer");
    end(&feeders);
    assert_eq!(data(&mut body).await, "an answer");
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("send the request again"),
        "{error}"
    );
    assert_eq!(counts.snapshot().lost, 1);
}

#[tokio::test]
async fn a_default_body_is_empty() {
    let body: ResponseBody<Body> = ResponseBody::default();
    assert!(http_body::Body::is_end_stream(&body));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "");
}

#[tokio::test(start_paused = true)]
async fn an_error_comes_only_after_the_head_was_sent() {
    let (router, _, feeders) = fed(None);
    let (layer, _) = layer_over(Moody::new());
    let mut body = open(&router.layer(layer)).await.into_body();
    feeders.lock().unwrap()[0].send(Err("broken")).unwrap();
    // Enough time for the task that reads the body.
    tokio::time::sleep(MINUTE).await;
    assert!(
        body.frame().now_or_never().is_none(),
        "the head is in a buffer"
    );
    let error = body.frame().now_or_never().unwrap().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "broken");
}

/// Over HTTP/2 another task sends, and an error discards frames that it has not
/// sent.
#[tokio::test(start_paused = true)]
async fn over_http2_an_error_leaves_the_connection_time_to_send_the_head() {
    let (router, _, feeders) = fed(None);
    let (layer, _) = layer_over(Moody::new());
    let mut request = post("17").body(Body::empty()).unwrap();
    *request.version_mut() = Version::HTTP_2;
    let answer = router.layer(layer).oneshot(request).await.unwrap();
    feeders.lock().unwrap()[0].send(Err("broken")).unwrap();
    // Enough time for the task that reads the body.
    tokio::time::sleep(MINUTE).await;
    let asked = Instant::now();
    let error = answer.into_body().collect().await.unwrap_err();
    assert_eq!(error.to_string(), "broken");
    assert_eq!(asked.elapsed(), Duration::from_millis(500));
}
