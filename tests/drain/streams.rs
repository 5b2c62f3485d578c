//! Streams that do not end by themselves.

use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::BodyExt;
use sluicegate::{
    deadline::{self, CancelCause},
    drain::DrainLayer,
};
use tokio::time::Instant;

use crate::support::{Answer, Body, ask, behind, drain, get, ms, streamed, text};

fn of_type(content_type: &'static str, body: Body) -> Response<Body> {
    let response = Response::builder().header("content-type", content_type);
    response.body(body).unwrap()
}

/// Sends these chunks, and then nothing, for ever.
fn endless(chunks: &'static [&'static str]) -> Body {
    streamed(
        stream::iter(chunks)
            .map(|it| Ok(*it))
            .chain(stream::pending()),
    )
}

/// Drains under a request, and returns the response's body and when it ended.
async fn drained(
    layer: impl FnOnce(DrainLayer) -> DrainLayer,
    response: fn(Request<()>) -> Response<Body>,
) -> (
    Result<String, String>,
    std::time::Duration,
    sluicegate::drain::Report,
) {
    let drain = drain();
    let service = behind(
        &layer(drain.layer()),
        move |req| async move { response(req) },
    );
    let answer = ask(&service, get("/events")).await;
    let begun = Instant::now();
    let read = tokio::spawn(async move {
        let body = text(answer).await;
        (body, begun.elapsed())
    });
    tokio::task::yield_now().await;
    drain.begin();
    let report = drain.wait().await;
    let (body, took) = read.await.unwrap();
    (body, took, report)
}

const GOODBYE: fn(DrainLayer) -> DrainLayer = |layer| layer.last_event("goodbye", "elsewhere");

#[tokio::test(start_paused = true)]
async fn server_sent_events_end_with_their_last_event() {
    let (body, took, report) = drained(GOODBYE, |_| {
        of_type("text/event-stream", endless(&["data: 1\n\n"]))
    })
    .await;
    assert_eq!(
        body.unwrap(),
        "data: 1\n\nevent: goodbye\ndata: elsewhere\n\n"
    );
    // In the middle of the stage of cancelling.
    assert_eq!(took, ms(850));
    assert_eq!((report.total().cancelled, report.total().aborted), (1, 0));
    assert!(report.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_last_event_damages_neither_an_event_nor_a_compressed_body() {
    let (body, ..) = drained(GOODBYE, |_| {
        of_type(
            "text/event-stream; charset=utf-8",
            endless(&["data: 1\n\n", "data: 2\n"]),
        )
    })
    .await;
    assert_eq!(
        body.unwrap(),
        "data: 1\n\ndata: 2\n",
        "the browser drops half an event"
    );
    let (body, ..) = drained(GOODBYE, |_| {
        let mut response = of_type("text/event-stream", endless(&["gzip\n\n"]));
        let gzip = "gzip".parse().unwrap();
        response.headers_mut().insert("content-encoding", gzip);
        response
    })
    .await;
    assert_eq!(body.unwrap(), "gzip\n\n");
    let (body, ..) = drained(GOODBYE, |_| {
        of_type("text/event-stream", endless(&["data: 1\n", "\n"]))
    })
    .await;
    assert!(
        body.unwrap().ends_with("data: elsewhere\n\n"),
        "the event came in two parts"
    );
}

#[tokio::test(start_paused = true)]
async fn events_without_a_last_one_just_end() {
    let (body, took, _) = drained(
        |it| it,
        |_| of_type("text/event-stream", endless(&["data: 1\n\n"])),
    )
    .await;
    assert_eq!((body.unwrap().as_str(), took), ("data: 1\n\n", ms(850)));
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_say_its_own_last_words() {
    let (body, took, report) = drained(GOODBYE, |_| {
        let stop = deadline::cancellation();
        let last = stream::once(async move {
            stop.cancelled().await;
            assert_eq!(stop.cause(), Some(CancelCause::Drain));
            Ok("data: bye\n\n")
        });
        of_type("text/event-stream", streamed(last))
    })
    .await;
    assert_eq!((body.unwrap().as_str(), took), ("data: bye\n\n", ms(800)));
    assert_eq!(report.total().cancelled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_download_is_not_taken_for_a_stream() {
    let (body, took, report) = drained(GOODBYE, |_| {
        of_type("application/octet-stream", endless(&["part"]))
    })
    .await;
    assert!(
        body.unwrap_err()
            .contains("shut down before the request was done")
    );
    assert_eq!((took, report.total().aborted), (ms(900), 1));
}

async fn trailers(answer: Answer) -> http::HeaderMap {
    let body = answer.into_body().collect().await.unwrap();
    body.trailers().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn grpc_streams_end_with_a_status() {
    let drain = drain();
    let service = behind(&drain.layer(), |_| async {
        of_type("application/grpc+proto", endless(&["\0\0\0\0\x01x"]))
    });
    let answer = ask(&service, get("/orders.Orders/Watch")).await;
    let begun = Instant::now();
    let read = tokio::spawn(async move { (trailers(answer).await, begun.elapsed()) });
    tokio::task::yield_now().await;
    drain.begin();
    let report = drain.wait().await;
    let (trailers, took) = read.await.unwrap();
    assert_eq!(trailers["grpc-status"], "14");
    assert_eq!(trailers["grpc-retry-pushback-ms"], "0");
    assert_eq!((took, report.total().cancelled), (ms(850), 1));
}

#[tokio::test(start_paused = true)]
async fn an_aborted_grpc_stream_gets_no_advice_to_retry() {
    let drain = drain();
    let service = behind(&drain.layer(), |_| async {
        of_type("application/grpc", endless(&["\0\0\0\0\x01x"]))
    });
    let answer = ask(&service, get("/orders.Orders/Watch")).await;
    let read = tokio::spawn(trailers(answer));
    tokio::task::yield_now().await;
    drain.abort();
    let report = drain.wait().await;
    let trailers = read.await.unwrap();
    assert_eq!(trailers["grpc-status"], "14");
    assert_eq!(trailers.get("grpc-retry-pushback-ms"), None);
    assert_eq!(report.total().aborted, 1);
}
