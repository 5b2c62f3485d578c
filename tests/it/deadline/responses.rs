//! Each request has a response: when it counts as late, and when its body may
//! fail.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody};
use sluicegate::{
    deadline::{self, Deadline, EnforceDeadlineLayer, ResponseBody},
    refusal::{AsError, BoxError, Reason, Refusal},
};
use tokio::{task::yield_now, time::sleep};
use tower::{Layer, ServiceExt, service_fn};

use super::support::{Fed, Feeder, Req, answer, counting, fed, is_late, ms, next, second};
use crate::support::request;

/// Moves the paused clock without letting other tasks run.
fn pass(millis: u64) {
    let _ = tokio::time::advance(ms(millis)).now_or_never();
}

/// A body that knows its length.
struct Sized {
    fed: Fed,
    left: u64,
}

impl Body for Sized {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let polled = Pin::new(&mut self.fed).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.left -= frame.data_ref().map_or(0, Bytes::len) as u64;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

fn sized(left: u64) -> (Feeder, Sized) {
    let (feeder, fed) = fed();
    (feeder, Sized { fed, left })
}

/// Returns the layer's response for an inner response with this body.
async fn behind<B>(layer: &EnforceDeadlineLayer, response: Response<B>) -> ResponseBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let response = std::sync::Mutex::new(Some(response));
    let handler = service_fn(|_: Req| {
        let response = response.lock().unwrap().take().unwrap();
        async { Ok::<_, BoxError>(response) }
    });
    let service = layer.clone().refuse_with(AsError).layer(handler);
    service.oneshot(request()).await.unwrap().into_body()
}

/// Polls once, as a server does in one of its turns.
fn poll<B>(body: &mut ResponseBody<B>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_after_the_deadline_is_refused() {
    let (layer, counts) = counting(second());
    let handler = |_: Req| async {
        pass(1_001);
        Response::new(String::from("late"))
    };
    let response = answer(&layer, request(), handler).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    let body = response.into_body();
    sleep(ms(5_000)).await;
    let problem = body.collect().await.unwrap().to_bytes();
    assert!(
        problem.starts_with(b"{"),
        "a refusal's own body is not timed"
    );
    assert_eq!(counts.snapshot().exceeded_in_handler, 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_there_after_the_deadline_is_a_refusal() {
    for (millis, expected) in [(1_000, "broken"), (1_001, "the deadline has passed")] {
        let handler = service_fn(async |_: Req| {
            pass(millis);
            Err::<Response<String>, BoxError>("broken".into())
        });
        let service = second().refuse_with(AsError).layer(handler);
        let error = service.oneshot(request()).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_to_grpc_is_status_4() {
    let fields = [("content-type", "application/grpc")];
    let handler = |_: Req| async {
        pass(1_001);
        Response::new(String::from("late"))
    };
    let request = super::support::request_with(&fields);
    let response = answer(&second(), request, handler).await;
    assert_eq!(response.headers()["grpc-status"], "4");
}

/// Returns a request that comes after its deadline.
fn late() -> Req {
    let mut request = Request::new(String::new());
    request.extensions_mut().insert(Deadline::after(ms(0)));
    request
}

#[tokio::test(start_paused = true)]
async fn a_request_over_budget_keeps_its_response_and_its_body_is_not_timed() {
    let (layer, counts) = counting(EnforceDeadlineLayer::new().reject_at_most(0));
    let handler = service_fn(async |_: Req| {
        let over = deadline::cancellation();
        sleep(ms(100)).await;
        assert!(deadline::current().unwrap().is_expired());
        assert!(!over.is_cancelled(), "it is not ended");
        let (feeder, body) = fed();
        tokio::spawn(async move {
            sleep(ms(100)).await;
            feeder.data("kept");
            feeder.frames.closed().await;
        });
        Ok::<_, BoxError>(Response::new(body))
    });
    let service = layer.refuse_with(AsError).layer(handler);
    let mut body = service.oneshot(late()).await.unwrap().into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "kept");
    sleep(ms(100_000)).await;
    assert!(poll(&mut body).is_pending());
    let counts = counts.snapshot();
    assert_eq!(
        (counts.admitted_over_budget, counts.exceeded_in_body),
        (1, 0)
    );
    assert_eq!(counts.exceeded_in_handler, 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_over_budget_ends_with_the_default_timeout() {
    let layer = second().reject_at_most(0);
    let stuck = |_: Req| std::future::pending::<Response<String>>();
    let begun = tokio::time::Instant::now();
    let response = answer(&layer, late(), stuck).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(begun.elapsed(), ms(1_000));
}

#[tokio::test(start_paused = true)]
async fn a_body_of_known_size_goes_out_whole_if_it_is_there() {
    let (layer, counts) = counting(second());
    let mut body = behind(&layer, Response::new(Full::from("whole"))).await;
    sleep(ms(20_000)).await;
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "whole");
    assert!(body.is_end_stream());

    let (feeder, pieces) = sized(6);
    let mut body = behind(&layer, Response::new(pieces)).await;
    feeder.data("one");
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "one");
    feeder.data("two");
    sleep(ms(20_000)).await;
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "two");
    assert!(next(&mut body).await.is_none());
    assert_eq!(counts.snapshot().exceeded_in_body, 0);
}

#[tokio::test(start_paused = true)]
async fn a_content_length_tells_the_size_too() {
    let (feeder, body) = fed();
    let response = Response::builder().header("content-length", "3").body(body);
    let mut body = behind(&second(), response.unwrap()).await;
    feeder.data("all");
    sleep(ms(2_000)).await;
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "all");
}

#[tokio::test(start_paused = true)]
async fn a_body_of_known_size_that_has_to_wait_ends_with_the_deadline() {
    let (layer, counts) = counting(second());
    let (feeder, body) = sized(6);
    let mut body = behind(&layer, Response::new(body)).await;
    feeder.data("one");
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "one");
    let begun = tokio::time::Instant::now();
    assert!(is_late(next(&mut body).await));
    assert_eq!(begun.elapsed(), ms(1_000));
    assert!(feeder.dropped.is());
    assert_eq!(counts.snapshot().exceeded_in_body, 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_of_known_size_is_kept_while_its_server_asks_for_frames() {
    let (feeder, body) = sized(9);
    let mut body = behind(&second(), Response::new(body)).await;
    for piece in ["one", "two"] {
        sleep(ms(20_000)).await;
        feeder.data(piece);
        assert_eq!(next(&mut body).await.unwrap().unwrap(), piece);
    }
    sleep(ms(29_000)).await;
    yield_now().await;
    assert!(!feeder.dropped.is());
    sleep(ms(1_000)).await;
    yield_now().await;
    assert!(feeder.dropped.is(), "no server holds it for ever");
    assert!(is_late(next(&mut body).await));
}

#[tokio::test(start_paused = true)]
async fn a_stream_fails_only_after_its_server_could_send_its_head() {
    let (_feeder, body) = fed();
    let mut body = behind(&second(), Response::new(body)).await;
    pass(2_000);
    assert!(
        poll(&mut body).is_pending(),
        "the head is still in a buffer"
    );
    assert!(is_late(next(&mut body).await));
    assert!(next(&mut body).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_fails_only_after_its_server_could_send_its_last_frame() {
    let (feeder, body) = fed();
    let mut body = behind(&second(), Response::new(body)).await;
    assert!(poll(&mut body).is_pending());
    feeder.data("one");
    assert!(poll(&mut body).is_ready());
    pass(2_000);
    assert!(
        poll(&mut body).is_pending(),
        "the frame is still in a buffer"
    );
    assert!(matches!(poll(&mut body), Poll::Ready(Some(Err(_)))));
}

#[tokio::test(start_paused = true)]
async fn other_errors_wait_for_the_head_too() {
    let broken = || {
        let error: BoxError = "broken".into();
        StreamBody::new(stream::iter([Err::<Frame<Bytes>, _>(error)]))
    };
    let free = EnforceDeadlineLayer::new();
    for layer in [second(), free] {
        let mut body = behind(&layer, Response::new(broken())).await;
        assert!(poll(&mut body).is_pending());
        let Poll::Ready(Some(Err(error))) = poll(&mut body) else {
            unreachable!("it has failed");
        };
        assert_eq!(error.to_string(), "broken");
        assert!(body.is_end_stream());
    }
}

#[tokio::test(start_paused = true)]
async fn over_http2_the_head_has_half_a_second() {
    let handler = service_fn(async |_: Req| {
        let (feeder, body) = fed();
        tokio::spawn(async move { feeder.frames.closed().await });
        Ok::<_, BoxError>(Response::new(body))
    });
    let layer = EnforceDeadlineLayer::new().default_timeout(ms(100));
    let service = layer.refuse_with(AsError).layer(handler);
    let mut request = request();
    *request.version_mut() = http::Version::HTTP_2;
    let begun = tokio::time::Instant::now();
    let mut body = service.oneshot(request).await.unwrap().into_body();
    assert!(is_late(next(&mut body).await));
    assert_eq!(begun.elapsed(), ms(500));
}

#[tokio::test(start_paused = true)]
async fn a_response_without_a_body_is_complete_with_its_head() {
    for (method, status) in [
        (Method::HEAD, StatusCode::OK),
        (Method::GET, StatusCode::NO_CONTENT),
        (Method::GET, StatusCode::NOT_MODIFIED),
    ] {
        let (layer, counts) = counting(second());
        let signals = std::sync::Mutex::new(None);
        let handler = service_fn(async |_: Req| {
            *signals.lock().unwrap() = Some(deadline::cancellation());
            let (feeder, body) = fed();
            tokio::spawn(async move { feeder.frames.closed().await });
            let response = Response::builder().status(status).body(body).unwrap();
            Ok::<_, BoxError>(response)
        });
        let service = layer.refuse_with(AsError).layer(handler);
        let mut request = request();
        *request.method_mut() = method;
        // A server drops a body that it does not send.
        drop(service.oneshot(request).await.unwrap());
        let signal = signals.into_inner().unwrap().unwrap();
        assert!(!signal.is_cancelled(), "{status}");
        assert_eq!(counts.snapshot().exceeded_in_body, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_still_found_in_the_error() {
    let (_feeder, body) = fed();
    let mut body = behind(&second(), Response::new(body)).await;
    let error = next(&mut body).await.unwrap().unwrap_err();
    let refusal = error.downcast_ref::<Refusal>().unwrap();
    assert_eq!(refusal.reason(), Reason::DeadlineExceeded);
}
