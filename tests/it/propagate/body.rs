//! Bodies of responses whose head came in time.

use std::{convert::Infallible, future::pending, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use sluicegate::{
    deadline::{Counts, Deadline, propagate::body::ResponseBody, scope},
    refusal::{BoxError, Reason, Refusal},
};
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn};

use super::{grpc_request, layer};
use crate::support::{Journal, Req, ms, request};

type Piece = Result<Frame<Bytes>, BoxError>;
type Late = ResponseBody<StreamBody<stream::BoxStream<'static, Piece>>>;

fn piece(text: &'static str) -> Piece {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

fn trailers(code: &str) -> Piece {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    Ok(Frame::trailers(trailers))
}

/// A piece of a body, and after how many milliseconds it comes.
fn after(millis: u64, piece: Piece) -> impl Stream<Item = Piece> + Send + 'static {
    stream::once(async move {
        sleep(ms(millis)).await;
        piece
    })
}

fn never() -> impl Stream<Item = Piece> + Send + 'static {
    stream::once(pending())
}

/// Returns the body of the response to a call that has a second.
async fn a_second_for<P>(req: Req, pieces: P, counts: &Arc<Counts>) -> Late
where
    P: Stream<Item = Piece> + Send + 'static,
{
    let pieces = std::sync::Mutex::new(Some(pieces.boxed()));
    let pieces = Arc::new(pieces);
    let callee = service_fn(move |_: Req| {
        let pieces = pieces.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(Response::new(StreamBody::new(pieces))) }
    });
    let call = layer().observe(counts.clone()).layer(callee).oneshot(req);
    let Ok(answer) = scope(Deadline::after(ms(1_000)), call).await;
    answer.into_body()
}

/// Returns what a client sees of these pieces, in words, and how often the deadline
/// was exceeded.
async fn seen<P>(req: Req, pieces: P) -> (Vec<String>, u64)
where
    P: Stream<Item = Piece> + Send + 'static,
{
    let counts = Arc::new(Counts::default());
    let mut body = a_second_for(req, pieces, &counts).await;
    let mut seen = Vec::new();
    while let Some(frame) = body.frame().await {
        seen.push(match frame {
            Ok(frame) => match frame.into_data() {
                Ok(data) => String::from_utf8(data.to_vec()).unwrap(),
                Err(frame) => format!("status {:?}", frame.into_trailers().unwrap()["grpc-status"]),
            },
            Err(error) => match error.downcast_ref::<Refusal>().map(Refusal::reason) {
                Some(Reason::DeadlineExceeded) => "late".into(),
                _ => error.to_string(),
            },
        });
    }
    (seen, counts.snapshot().exceeded_in_client)
}

#[tokio::test(start_paused = true)]
async fn a_response_in_time_is_passed_on_to_its_end() {
    let pieces = stream::iter([piece("a")]).chain(after(999, piece("b")));
    assert_eq!(
        seen(request(), pieces).await,
        (vec!["a".into(), "b".into()], 0)
    );
    let pieces = stream::iter([piece("a")]).chain(after(999, trailers("0")));
    let expected = vec!["a".into(), r#"status "0""#.into()];
    assert_eq!(seen(grpc_request(), pieces).await, (expected, 0));
}

#[tokio::test(start_paused = true)]
async fn a_body_whose_time_is_over_ends_with_an_error() {
    let journal = Journal::new();
    let pieces = stream::iter([piece("a")]).chain(never());
    let expected = vec!["a".into(), "late".into()];
    assert_eq!(seen(request(), pieces).await, (expected, 1));
    journal.write("http");
    let pieces = stream::iter([piece("a")]).chain(never());
    let expected = vec!["a".into(), r#"status "4""#.into()];
    assert_eq!(seen(grpc_request(), pieces).await, (expected, 1));
    journal.write("grpc");
    assert_eq!(journal.entries(), [(1_000, "http"), (2_000, "grpc")]);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_always_has_a_frame_ends_at_the_deadline() {
    let endless = stream::repeat_with(|| piece("a")).then(|piece| async {
        tokio::time::advance(ms(300)).await;
        piece
    });
    let (seen, late) = seen(request(), endless).await;
    assert_eq!((seen.join(" ").as_str(), late), ("a a a late", 1));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_when_the_callee_should_have_given_up_is_late() {
    for (millis, failed, cancelled) in [
        (899, "reset", r#"status "1""#),
        (900, r#"status "4""#, r#"status "4""#),
    ] {
        let reset = after(millis, Err("reset".into()));
        assert_eq!(seen(grpc_request(), reset).await.0, [failed]);
        let cancel = after(millis, trailers("1"));
        assert_eq!(seen(grpc_request(), cancel).await.0, [cancelled]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_body_drops_the_inner_one() {
    let held = Arc::new(());
    let inside = Arc::downgrade(&held);
    let pieces = never().map(move |piece| {
        let _ = &held;
        piece
    });
    let mut body = a_second_for(request(), pieces, &Arc::default()).await;
    assert!(inside.upgrade().is_some());
    assert!(body.frame().await.unwrap().is_err());
    assert!(inside.upgrade().is_none() && body.is_end_stream());
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_size_of_a_body_is_known_as_before() {
    let body = layer().layer(service_fn(|_: Request<String>| async {
        Ok::<_, Infallible>(Response::new(String::from("hello")))
    }));
    let call = body.oneshot(request());
    let Ok(answer) = scope(Deadline::after(ms(1_000)), call).await;
    assert_eq!(answer.body().size_hint().exact(), Some(5));
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "hello"
    );
}
