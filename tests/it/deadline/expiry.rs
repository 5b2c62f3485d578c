//! The end of a request at its deadline, whichever state it is in.

use std::{convert::Infallible, future::pending};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use sluicegate::{
    deadline::{self, Deadline, EnforceDeadlineLayer},
    refusal::{Answer, AsError, BoxError, Refusal},
};
use tokio::{task::yield_now, time::sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::support::{
    Dropped, Fed, Req, answer, counting, fed, is_late, ms, next, request_with, second,
};
use crate::support::{Journal, request};

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_too_long_is_dropped() {
    let (layer, counts) = counting(second());
    let (journal, dropped) = (Journal::<()>::new(), Dropped::default());
    let grip = |_: Req| {
        let held = dropped.grip();
        async move {
            let _held = held;
            pending::<Response<String>>().await
        }
    };
    let response = answer(&layer, request(), grip).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(journal.millis(), 1_000);
    assert!(dropped.is());
    let problem = response.into_body().collect().await.unwrap().to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!(
        (&problem["status"], &problem["title"]),
        (&504.into(), &"Gateway Timeout".into())
    );
    assert_eq!(counts.snapshot().exceeded_in_handler, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_with_the_deadline_counts() {
    let (layer, counts) = counting(second());
    let slow = |_| async {
        sleep(ms(1_000)).await;
        Response::new(String::from("just"))
    };
    let response = answer(&layer, request(), slow).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(counts.snapshot().exceeded_in_handler, 0);
}

/// The task of such a handler has no budget left when its timer is polled. A paused
/// clock would stand still while a task is busy, so this goes by real time, and
/// hangs if it fails.
#[tokio::test]
async fn a_handler_that_is_always_busy_is_ended() {
    let layer = EnforceDeadlineLayer::new().default_timeout(ms(5));
    let busy = |_: Req| async {
        for _ in 0..u64::MAX {
            tokio::task::consume_budget().await;
        }
        Response::new(String::from("never"))
    };
    let response = answer(&layer, request(), busy).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_response_in_time_is_untouched() {
    let ready = |req: Req| async {
        let mut response = Response::new(req.into_body());
        *response.status_mut() = StatusCode::CREATED;
        response.headers_mut().insert("etag", 7.into());
        response.extensions_mut().insert(7_u8);
        response
    };
    let response = answer(&second(), request(), ready).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["etag"], "7");
    assert_eq!(response.headers().len(), 1);
    assert_eq!(response.extensions().get(), Some(&7_u8));
    assert_eq!(response.body().size_hint().exact(), Some(5));
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "hello");
}

#[tokio::test(start_paused = true)]
async fn a_request_body_that_stalls_counts_too() {
    let (_feeder, stalled) = fed();
    let reading = service_fn(async |req: Request<Fed>| {
        let whole = req.into_body().collect().await.unwrap();
        Ok::<_, Infallible>(Response::new(Full::new(whole.to_bytes())))
    });
    let response = second().layer(reading).oneshot(Request::new(stalled));
    let Ok(response) = response.await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
}

/// Returns the layer's response, and the feeder of its body.
pub(super) async fn body_behind(
    layer: &EnforceDeadlineLayer,
) -> (super::support::Feeder, deadline::ResponseBody<Fed>) {
    let (feeder, body) = fed();
    let body = std::sync::Mutex::new(Some(body));
    let handler = service_fn(|_: Req| {
        let body = body.lock().unwrap().take().unwrap();
        async { Ok::<_, BoxError>(Response::new(body)) }
    });
    let service = layer.clone().refuse_with(AsError).layer(handler);
    let response = service.oneshot(request()).await.unwrap();
    (feeder, response.into_body())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_polled_is_dropped() {
    let (layer, counts) = counting(second());
    let (feeder, mut body) = body_behind(&layer).await;
    sleep(ms(999)).await;
    yield_now().await;
    assert!(!feeder.dropped.is());
    sleep(ms(1)).await;
    yield_now().await;
    assert!(feeder.dropped.is(), "between head and body");
    assert_eq!(counts.snapshot().exceeded_in_body, 1);
    assert!(!body.is_end_stream());
    assert!(is_late(next(&mut body).await));
    assert!(next(&mut body).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_waits_for_a_frame_is_woken_with_an_error() {
    let (layer, counts) = counting(second());
    let (feeder, mut body) = body_behind(&layer).await;
    feeder.data("one");
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "one");
    let journal = Journal::<()>::new();
    assert!(is_late(next(&mut body).await));
    assert_eq!(journal.millis(), 1_000);
    assert!(feeder.dropped.is());
    assert_eq!(counts.snapshot().exceeded_in_body, 1);
}

#[tokio::test(start_paused = true)]
async fn trailers_pass_and_late_ones_do_not() {
    let (feeder, mut body) = body_behind(&second()).await;
    feeder.data("one");
    feeder.trailers();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "one");
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "trailers");
    assert!(is_late(next(&mut body).await), "the sender is still there");

    let (feeder, mut body) = body_behind(&second()).await;
    feeder.data("one");
    feeder.trailers();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "one");
    sleep(ms(1_000)).await;
    yield_now().await;
    assert!(is_late(next(&mut body).await));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_in_time_has_a_clean_end() {
    let (layer, counts) = counting(second());
    let (feeder, mut body) = body_behind(&layer).await;
    feeder.data("all");
    drop(feeder.frames);
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "all");
    assert!(next(&mut body).await.is_none());
    sleep(ms(2_000)).await;
    assert!(next(&mut body).await.is_none());
    assert_eq!(counts.snapshot().exceeded_in_body, 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_body_has_no_timer() {
    let (layer, counts) = counting(second());
    let (feeder, body) = body_behind(&layer).await;
    drop(body);
    assert!(feeder.dropped.is());
    sleep(ms(2_000)).await;
    assert_eq!(counts.snapshot().exceeded_in_body, 0);
}

#[tokio::test(start_paused = true)]
async fn the_body_has_the_time_that_the_handler_has_left() {
    let slow = |_| async {
        sleep(ms(600)).await;
        Response::new(fed().1)
    };
    let journal = Journal::<()>::new();
    let service = service_fn(move |req: Req| slow(req).map(Ok::<_, BoxError>));
    let service = second().refuse_with(AsError).layer(service);
    let mut body = service.oneshot(request()).await.unwrap().into_body();
    // The receiver is gone, so this ends at once.
    assert!(next(&mut body).await.is_none());
    assert_eq!(journal.millis(), 600);

    let service = service_fn(async |_: Req| {
        sleep(ms(600)).await;
        let (feeder, body) = fed();
        tokio::spawn(async move { feeder.frames.closed().await });
        Ok::<_, BoxError>(Response::new(body))
    });
    let service = second().refuse_with(AsError).layer(service);
    let mut body = service.oneshot(request()).await.unwrap().into_body();
    assert!(is_late(next(&mut body).await));
    assert_eq!(journal.millis(), 1_600);
}

#[tokio::test(start_paused = true)]
async fn grpc_is_answered_as_grpc_before_and_after_the_handler() {
    let fields = [
        ("content-type", "application/grpc+proto"),
        ("grpc-timeout", "50m"),
    ];
    let layer = EnforceDeadlineLayer::new();
    let stuck = |_| pending::<Response<String>>();
    let response = answer(&layer, request_with(&fields), stuck).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "4");
    assert_eq!(response.headers()["content-type"], "application/grpc+proto");

    let fields = [("content-type", "application/grpc"), ("grpc-timeout", "0S")];
    let response = answer(&layer, request_with(&fields), stuck).await;
    assert_eq!(response.headers()["grpc-status"], "4");
}

#[tokio::test(start_paused = true)]
async fn the_status_can_be_503_and_is_never_408() {
    let stuck = service_fn(|_: Req| pending::<Result<Response<String>, Infallible>>());
    let layer = second().refuse_with(Answer::new().late_as_unavailable());
    let Ok(response) = layer.layer(stuck).oneshot(request()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["status"], 503);
}

#[tokio::test(start_paused = true)]
async fn a_closure_makes_the_answer() {
    let stuck = service_fn(|_: Req| pending::<Result<Response<String>, Refusal>>());
    let layer = second().refuse_with(|refusal: Refusal, _: &Request<()>| Err(refusal));
    let refusal = layer.layer(stuck).oneshot(request()).await.unwrap_err();
    assert_eq!(refusal.to_string(), "the deadline has passed");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_seen_by_the_call_the_handler_and_a_lazy_body() {
    let expected = Deadline::after(ms(1_000));
    let handler = service_fn(move |req: Req| {
        assert_eq!(deadline::current(), Some(expected), "in the call");
        assert_eq!(req.extensions().get(), Some(&expected));
        async move {
            yield_now().await;
            assert_eq!(deadline::current(), Some(expected), "in the future");
            let lazy = futures_util::stream::once(async move {
                assert_eq!(deadline::current(), Some(expected), "in the body");
                let frame = http_body::Frame::data(Bytes::from_static(b"x"));
                Ok::<_, Infallible>(frame)
            });
            let body = http_body_util::StreamBody::new(Box::pin(lazy));
            Ok::<_, BoxError>(Response::new(body))
        }
    });
    let service = second().refuse_with(AsError).layer(handler);
    let response = service.oneshot(request()).await.unwrap();
    sleep(ms(10)).await;
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "x"
    );
    assert_eq!(deadline::current(), None);
}

#[tokio::test(start_paused = true)]
async fn the_earliest_of_extension_task_and_headers_counts() {
    let seen = |_| async {
        let left = deadline::current().unwrap().remaining().as_millis();
        Response::new(left.to_string())
    };
    for (extension, task, header, expected) in [
        (100, 200, "300ms", "100"),
        (200, 100, "300ms", "100"),
        (300, 200, "100ms", "100"),
        (9_000, 9_000, "9", "1000"),
    ] {
        let mut request = request_with(&[("request-timeout", header)]);
        request
            .extensions_mut()
            .insert(Deadline::after(ms(extension)));
        let layer = second();
        let answered = answer(&layer, request, seen);
        let response = deadline::scope(Deadline::after(ms(task)), answered).await;
        let left = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(left, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn exempt_requests_and_those_without_a_timeout_have_no_deadline() {
    let slow = service_fn(async |req: Req| {
        assert_eq!(deadline::current(), None);
        assert!(req.extensions().get::<Deadline>().is_none());
        sleep(ms(100_000)).await;
        Ok::<_, Infallible>(Response::new(String::from("at last")))
    });
    let is_exempt = |req: &Req| req.uri().path() == "/events";
    let mut service = second().exempt(is_exempt).layer(slow);
    let request = Request::get("/events").header("grpc-timeout", "1m");
    let request = request.body(String::new()).unwrap();
    let Ok(response) = service.ready().await.unwrap().call(request).await;
    assert_eq!(response.status(), StatusCode::OK);

    let service = EnforceDeadlineLayer::new().maximum(ms(10)).layer(slow);
    let Ok(response) = service.oneshot(crate::support::request()).await;
    assert_eq!(response.status(), StatusCode::OK);
}
