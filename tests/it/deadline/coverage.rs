//! How much of a response a deadline bounds.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Response, StatusCode, Version};
use http_body_util::BodyExt;
use sluicegate::{
    deadline::{
        self, CancelCause, Cancellation, Coverage, Deadline, EnforceDeadlineLayer,
        PropagateDeadlineLayer, ResponseBody,
    },
    refusal::{AsError, BoxError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tower::{Layer, ServiceExt, service_fn};

use super::support::{Fed, Feeder, Req, counting, fed, is_late, ms, next, second};
use crate::{http::serve, support::request};

/// The task and the signal that a handler left behind, with the feeder of the
/// body and the response's body.
struct Answered {
    feeder: Feeder,
    body: ResponseBody<Fed>,
    signal: Cancellation,
    /// Ends with its signal, and then returns whether it had a current deadline.
    carried: JoinHandle<bool>,
}

/// Returns the layer's response with this head, under a deadline of a second.
async fn answered(layer: EnforceDeadlineLayer, req: Req, head: Response<()>) -> Answered {
    let head = head.into_parts().0;
    let left = Mutex::new(None);
    let handler = service_fn(|_: Req| {
        let (feeder, body) = fed();
        let carried = tokio::spawn(deadline::carry(async {
            deadline::cancellation().cancelled().await;
            deadline::current().is_some()
        }));
        *left.lock().unwrap() = Some((feeder, deadline::cancellation(), carried));
        let response = Response::from_parts(head.clone(), body);
        async { Ok::<_, BoxError>(response) }
    });
    let service = layer.refuse_with(AsError).layer(handler);
    let body = service.oneshot(req).await.unwrap().into_body();
    let (feeder, signal, carried) = left.into_inner().unwrap().unwrap();
    Answered {
        feeder,
        body,
        signal,
        carried,
    }
}

fn events() -> Response<()> {
    let content_type = "Text/Event-Stream; charset=utf-8";
    let response = Response::builder().header("content-type", content_type);
    response.body(()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_is_bounded_by_its_head() {
    let (layer, counts) = counting(second());
    let mut it = answered(layer, request(), events()).await;
    it.feeder.data("one");
    assert_eq!(next(&mut it.body).await.unwrap().unwrap(), "one");
    sleep(ms(100_000)).await;
    assert!(!it.feeder.dropped.is() && !it.signal.is_cancelled());
    it.feeder.data("two");
    assert_eq!(next(&mut it.body).await.unwrap().unwrap(), "two");
    assert!(!it.carried.is_finished());
    drop(it.body);
    assert_eq!(it.signal.cause(), Some(CancelCause::Gone));
    assert_eq!(counts.snapshot().exceeded_in_body, 0);
    it.carried.abort();
}

#[tokio::test(start_paused = true)]
async fn the_head_of_an_event_stream_is_late_as_any_other() {
    let handler = service_fn(async |_: Req| {
        sleep(ms(1_001)).await;
        Ok::<_, BoxError>(events().map(|()| String::new()))
    });
    let response = second().layer(handler).oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_not_a_stream_is_bounded_as_a_whole() {
    let mut it = answered(second(), request(), Response::new(())).await;
    assert!(is_late(next(&mut it.body).await));
    assert_eq!(it.signal.cause(), Some(CancelCause::Deadline));
    assert!(it.carried.await.unwrap(), "its deadline counts to the end");
}

#[tokio::test(start_paused = true)]
async fn upgrades_and_tunnels_are_bounded_by_their_head() {
    let connect = || {
        let mut request = request();
        *request.method_mut() = Method::CONNECT;
        request
    };
    for (request, status) in [(request(), 101), (connect(), 200)] {
        let head = Response::builder().status(status).body(()).unwrap();
        let it = answered(second(), request, head).await;
        drop(it.body);
        sleep(ms(100_000)).await;
        assert!(!it.signal.is_cancelled(), "{status}");
        assert!(!it.carried.is_finished(), "{status}");
        it.carried.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn the_current_deadline_of_a_lazy_stream_is_none_or_that_of_its_frame() {
    let second_frame = || Coverage::frames(ms(70));
    for (coverage, expected) in [
        (Coverage::head(), None),
        (Coverage::whole(), Some(ms(900))),
        (second_frame(), Some(ms(70))),
    ] {
        let handler = service_fn(async |_: Req| {
            sleep(ms(100)).await;
            let lazy = stream::once(async {
                let left = deadline::current().map(|it| it.remaining());
                Ok::<_, Infallible>(Bytes::from(format!("{left:?}")))
            });
            Ok::<_, Infallible>(Response::new(Body::from_stream(lazy)))
        });
        let service = second().covers(move |_| coverage).layer(handler);
        let Ok(response) = service.oneshot(request()).await;
        let told = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(told, format!("{expected:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_lasts_as_long_as_it_has_frames_in_time() {
    let (layer, counts) = counting(second().covers(|_| Coverage::frames(ms(3_000))));
    let mut it = answered(layer, request(), Response::new(())).await;
    for _ in 0..10 {
        sleep(ms(2_999)).await;
        it.feeder.data("one");
        assert_eq!(next(&mut it.body).await.unwrap().unwrap(), "one");
    }
    assert!(!it.signal.is_cancelled());
    let begun = Instant::now();
    assert!(is_late(next(&mut it.body).await));
    assert_eq!(begun.elapsed(), ms(3_000));
    assert!(it.feeder.dropped.is());
    assert_eq!(it.signal.cause(), Some(CancelCause::Deadline));
    assert_eq!(counts.snapshot().exceeded_in_body, 1);
    it.carried.abort();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_frame_holds_no_stream() {
    let layer = second().covers(|_| Coverage::frames(ms(3_000)));
    let it = answered(layer, request(), Response::new(())).await;
    it.feeder.data("one");
    sleep(ms(3_001)).await;
    it.feeder.frames.closed().await;
    assert!(it.feeder.dropped.is());
    it.carried.abort();
}

#[tokio::test(start_paused = true)]
async fn a_closure_looks_at_the_head() {
    let layer = second().covers(|head| match head.version {
        Version::HTTP_10 => Coverage::frames(ms(10)),
        _ => Coverage::usual(head),
    });
    let mut head = events();
    *head.version_mut() = Version::HTTP_10;
    let mut it = answered(layer.clone(), request(), head).await;
    assert!(is_late(next(&mut it.body).await));
    it.carried.abort();
    let it = answered(layer, request(), events()).await;
    sleep(ms(2_000)).await;
    assert!(!it.feeder.dropped.is());
    it.carried.abort();
}

#[tokio::test(start_paused = true)]
async fn a_client_of_a_stream_is_not_cut_off_either() {
    for (coverage, ends_after) in [(None, None), (Some(Coverage::frames(ms(300))), Some(300))] {
        let feeders = Arc::new(Mutex::new(None));
        let kept = feeders.clone();
        let callee = service_fn(move |_: Req| {
            let (feeder, body) = fed();
            *kept.lock().unwrap() = Some(feeder);
            async { Ok::<_, Infallible>(events().map(|()| body)) }
        });
        let layer = PropagateDeadlineLayer::new();
        let layer = match coverage {
            Some(coverage) => layer.covers(move |_| coverage),
            None => layer,
        };
        let call = layer.layer(callee).oneshot(request());
        let Ok(response) = deadline::scope(Deadline::after(ms(1_000)), call).await;
        let feeder = feeders.lock().unwrap().take().unwrap();
        let mut body = response.into_body();
        for _ in 0..10 {
            sleep(ms(299)).await;
            feeder.data("one");
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), "one");
        }
        let begun = Instant::now();
        let ended = tokio::time::timeout(ms(100_000), body.frame()).await;
        match ends_after {
            None => assert!(ended.is_err(), "it lasts"),
            Some(millis) => {
                assert!(ended.unwrap().unwrap().is_err());
                assert_eq!(begun.elapsed(), ms(millis));
            }
        }
    }
}

#[test]
#[should_panic(expected = "invalid frames 0ns: must be more than 0")]
fn a_time_of_zero_between_frames_is_refused() {
    Coverage::frames(ms(0));
}

/// A WebSocket-like upgrade and an event stream, both under a deadline that is over
/// at once for anything else.
#[tokio::test]
async fn over_sockets_an_event_stream_outlives_its_deadline() {
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let gone = Arc::new(Mutex::new(Some(gone)));
    let handler = move || {
        let gone = gone.lock().unwrap().take().unwrap();
        let over = deadline::current().unwrap();
        async move {
            let events = stream::once(async move {
                over.passed().await;
                let _ = gone.await;
                Ok::<_, Infallible>("data: after\n\n")
            });
            let content_type = [("content-type", "text/event-stream")];
            (content_type, Body::from_stream(events))
        }
    };
    let layer = EnforceDeadlineLayer::new().maximum(ms(60_000));
    let address = serve(Router::new().route("/", get(handler)).layer(layer)).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = "GET / HTTP/1.1\r\nhost: test\r\nx-request-timeout: 200ms\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    go.send(()).unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n0\r\n\r\n") {
        assert_ne!(client.read_buf(&mut read).await.unwrap(), 0, "cut off");
    }
    let read = String::from_utf8(read).unwrap();
    assert!(read.contains("data: after"), "{read}");
}
