//! One end for each request: started = what came of it + in flight.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use sluicegate::{
    clock::Manual,
    deadline::EnforceDeadlineLayer,
    limit::{Local, Quota, RateLimitLayer, TokenBucket},
    red::{Cause, Outcome, RedCallLayer, RedLayer, Registry, RequestEnd, Status},
    refusal::{Answer, AsError, BoxError},
};
use tower::{Layer, ServiceExt, service_fn};

use super::support::{
    Act::{self, Answer as Says, Fail, Grpc, Hang, Panic, PanicAtOnce},
    Req, Step, Steps, acting, grpc_request, in_flight, outcomes, request, the_only,
};
use crate::support::ms;

/// Sends one request and takes the whole of its answer, panics and all.
async fn take(layer: RedLayer, act: Act, request: Req) {
    let asked = async {
        let response = layer.layer(acting(act)).oneshot(request).await?;
        response.into_body().collect().await
    };
    // A panic is caught where a server would.
    let _ = AssertUnwindSafe(asked).catch_unwind().await;
}

/// Returns the outcome of a request whose response was read to its end.
async fn of(act: Act, request: Req) -> (Outcome, Cause, Option<Status>) {
    let metrics = Registry::new();
    take(RedLayer::server(&metrics), act, request).await;
    assert_eq!(in_flight(&metrics), 0, "{act:?}");
    let snapshot = metrics.snapshot();
    let one = the_only(&snapshot);
    (one.outcome(), one.cause(), one.status())
}

const HTTP: fn(u16) -> Option<Status> = |code| Some(Status::Http(code));

#[tokio::test]
async fn an_answer_is_what_its_status_says() {
    let body = &[Step::Data("hello"), Step::Trailers];
    for (status, outcome) in [
        (200, Outcome::Ok),
        (302, Outcome::Ok),
        (404, Outcome::ClientError),
        // The limit of a downstream service is not a refusal of this one.
        (429, Outcome::ClientError),
        (503, Outcome::ServerError),
    ] {
        let seen = of(Says(status, body), request()).await;
        assert_eq!(seen, (outcome, Cause::Status, HTTP(status)));
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_a_success() {
    let broken = of(Says(200, &[Step::Data("hel"), Step::Fail]), request()).await;
    assert_eq!(broken, (Outcome::ServerError, Cause::Body, HTTP(200)));
    let failed = of(Fail, request()).await;
    assert_eq!(failed, (Outcome::ServerError, Cause::Error, None));
}

#[tokio::test]
async fn a_panic_is_one_wherever_it_is() {
    for act in [Panic, PanicAtOnce] {
        let seen = of(act, request()).await;
        assert_eq!(seen, (Outcome::Panic, Cause::Panic, None));
    }
    let seen = of(Says(200, &[Step::Data("hel"), Step::Panic]), request()).await;
    assert_eq!(seen, (Outcome::Panic, Cause::Panic, HTTP(200)));
}

#[tokio::test]
async fn a_request_that_is_dropped_before_its_answer_is_cancelled() {
    let metrics = Registry::new();
    let service = RedLayer::server(&metrics).layer(acting(Hang));
    let mut asked = Box::pin(service.oneshot(request()));
    assert!(asked.as_mut().now_or_never().is_none());
    assert_eq!(in_flight(&metrics), 1);
    drop(asked);
    assert_eq!(in_flight(&metrics), 0);
    let snapshot = metrics.snapshot();
    let one = the_only(&snapshot);
    let seen = (one.outcome(), one.cause());
    assert_eq!(seen, (Outcome::Cancelled, Cause::DroppedBeforeHead));
    assert_eq!(snapshot.heads().unwrap().count(), 0);
}

#[tokio::test]
async fn a_body_that_is_dropped_before_its_end_is_cancelled() {
    let metrics = Registry::new();
    let steps = &[Step::Data("hel"), Step::Wait];
    let service = RedLayer::server(&metrics).layer(acting(Says(200, steps)));
    let mut body = service.oneshot(request()).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert!(body.frame().now_or_never().is_none());
    assert_eq!(in_flight(&metrics), 1);
    drop(body);
    assert_eq!(in_flight(&metrics), 0);
    let snapshot = metrics.snapshot();
    let one = the_only(&snapshot);
    let seen = (one.outcome(), one.cause());
    assert_eq!(seen, (Outcome::Cancelled, Cause::DroppedInBody));
    assert_eq!(one.status(), HTTP(200), "the head was sent");
}

/// Returns the outcome if the server drops the body without reading, as for
/// responses that have none.
async fn of_a_dropped_body(act: Act, method: Method) -> Outcome {
    let metrics = Registry::new();
    let mut request = request();
    *request.method_mut() = method;
    let service = RedLayer::server(&metrics).layer(acting(act));
    drop(service.oneshot(request).await.unwrap());
    assert_eq!(in_flight(&metrics), 0);
    the_only(&metrics.snapshot()).outcome()
}

#[tokio::test]
async fn a_response_without_a_body_ends_with_its_head() {
    let body = &[Step::Data("never sent")];
    for (status, method) in [
        (200, Method::HEAD),
        (204, Method::GET),
        (304, Method::GET),
        (101, Method::GET),
        (200, Method::CONNECT),
    ] {
        let seen = of_a_dropped_body(Says(status, body), method).await;
        assert_eq!(seen, Outcome::Ok, "{status}");
    }
    let empty = Grpc(&[("content-length", "0")], &[]);
    assert_eq!(of_a_dropped_body(empty, Method::GET).await, Outcome::Ok);
    let seen = of_a_dropped_body(Says(500, body), Method::HEAD).await;
    assert_eq!(seen, Outcome::ServerError);
    let seen = of_a_dropped_body(Says(302, body), Method::CONNECT).await;
    assert_eq!(seen, Outcome::Cancelled, "there is a body in this one");
    let seen = of_a_dropped_body(Says(200, body), Method::GET).await;
    assert_eq!(seen, Outcome::Cancelled);
}

#[tokio::test]
async fn a_body_that_says_its_length_ends_with_its_last_byte() {
    let metrics = Registry::new();
    let answer = service_fn(async |_: Req| {
        let body = Steps::of(&[Step::Data("four"), Step::Data("more")]);
        Ok::<_, BoxError>(Response::new(Measured(body, 8)))
    });
    let service = RedLayer::server(&metrics).layer(answer);
    let mut body = service.oneshot(request()).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(in_flight(&metrics), 1);
    body.frame().await.unwrap().unwrap();
    assert_eq!(in_flight(&metrics), 0, "hyper does not ask for more");
    drop(body);
    assert_eq!(outcomes(&metrics)["ok"], 1);
}

/// A body that says how long it is, but not when it has ended.
struct Measured<B>(B, u64);

impl<B: http_body::Body<Data = bytes::Bytes> + Unpin> http_body::Body for Measured<B> {
    type Data = bytes::Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, B::Error>>> {
        let polled = std::pin::Pin::new(&mut self.0).poll_frame(cx);
        if let std::task::Poll::Ready(Some(Ok(frame))) = &polled {
            self.1 -= frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        polled
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.1)
    }
}

#[tokio::test]
async fn a_dropped_error_counts_as_seen() {
    let body = &[Step::Data("never read")];
    for (status, outcome) in [
        (404, Outcome::ClientError),
        (503, Outcome::ServerError),
        (200, Outcome::Cancelled),
    ] {
        let metrics = Registry::new();
        let client = RedLayer::client(&metrics).layer(acting(Says(status, body)));
        drop(client.oneshot(request()).await.unwrap());
        assert_eq!(in_flight(&metrics), 0);
        let snapshot = metrics.snapshot();
        let one = the_only(&snapshot);
        assert_eq!(one.outcome(), outcome);
        let failed = u64::from(outcome != Outcome::Cancelled);
        assert_eq!(snapshot.failed(), failed);
        assert_eq!(one.status(), HTTP(status));
    }
}

const GRPC: fn(u8) -> Option<Status> = |code| Some(Status::Grpc(code));

#[tokio::test]
async fn grpc_says_at_the_end_what_came_of_it() {
    let of = |act| of(act, grpc_request("/pkg.Service/Get"));
    let ok = of(Grpc(&[], &[Step::Data("hello"), Step::Status("0")])).await;
    assert_eq!(ok, (Outcome::Ok, Cause::Status, GRPC(0)));
    let late = of(Grpc(
        &[("grpc-status", "0")],
        &[Step::Data("a"), Step::Status("13")],
    ))
    .await;
    assert_eq!(late, (Outcome::ServerError, Cause::Status, GRPC(13)));
    let no_such = of(Grpc(&[], &[Step::Status("5")])).await;
    assert_eq!(no_such, (Outcome::ClientError, Cause::Status, GRPC(5)));
    let nonsense = of(Grpc(&[], &[Step::Status("fine")])).await;
    assert_eq!(nonsense, (Outcome::ServerError, Cause::Status, GRPC(2)));
    let measured = &[("content-length", "5")];
    let ok = of(Grpc(measured, &[Step::Data("hello"), Step::Status("0")])).await;
    assert_eq!(ok, (Outcome::Ok, Cause::Status, GRPC(0)));
    let timeout = of(Grpc(&[], &[Step::Status("4")])).await;
    assert_eq!(timeout, (Outcome::Deadline, Cause::Status, GRPC(4)));
}

#[tokio::test]
async fn trailers_are_the_end_of_a_body_that_does_not_say_so() {
    for (act, request) in [
        (
            Grpc(&[], &[Step::Data("hello"), Step::Status("0")]),
            grpc_request("/pkg.Service/Get"),
        ),
        (Says(200, &[Step::Data("hello"), Step::Trailers]), request()),
    ] {
        let metrics = Registry::new();
        let service = RedLayer::server(&metrics).layer(acting(act));
        let mut body = service.oneshot(request).await.unwrap().into_body();
        while !body.frame().await.unwrap().unwrap().is_trailers() {}
        assert_eq!(in_flight(&metrics), 0, "hyper does not ask for more");
        drop(body);
        assert_eq!(outcomes(&metrics), [("ok", 1)].into());
    }
}

#[tokio::test]
async fn a_grpc_answer_without_a_status_is_an_error() {
    let of = |act| of(act, grpc_request("/pkg.Service/Get"));
    for steps in [&[Step::Data("hello")][..], &[Step::Trailers], &[]] {
        let seen = of(Grpc(&[], steps)).await;
        let expected = (Outcome::ServerError, Cause::Truncated, GRPC(2));
        assert_eq!(seen, expected, "{steps:?}");
    }
    let proxied = of(Says(503, &[])).await;
    assert_eq!(proxied, (Outcome::ServerError, Cause::Status, GRPC(14)));
    // The status of the head counts if there are no trailers.
    let headers = of(Grpc(&[("grpc-status", "7")], &[])).await;
    assert_eq!(headers, (Outcome::ClientError, Cause::Status, GRPC(7)));
}

#[tokio::test]
async fn refusals_of_this_crate_are_known_whatever_their_status() {
    let metrics = Registry::new();
    let limiter = Local::builder(TokenBucket::new(Quota::per_minute(1)))
        .clock(Manual::new())
        .direct();
    let limited = RateLimitLayer::new(limiter).layer(acting_ok());
    let app = RedLayer::server(&metrics).layer(limited);
    for _ in 0..3 {
        let response = app.clone().oneshot(request()).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    let expected = [("ok", 1), ("shed", 2)].into();
    assert_eq!((in_flight(&metrics), outcomes(&metrics)), (0, expected));
}

fn acting_ok() -> tower::util::BoxCloneSyncService<Req, Response<Steps>, BoxError> {
    acting(Says(200, &[Step::Data("hello")]))
}

#[tokio::test(start_paused = true)]
async fn a_missed_deadline_is_told_from_a_failure() {
    let metrics = Registry::new();
    let deadline = EnforceDeadlineLayer::new()
        .default_timeout(ms(100))
        .refuse_with(Answer::new());
    let slow = acting(Hang);
    let app = RedLayer::server(&metrics).layer(deadline.layer(slow));
    let response = app.oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    response.into_body().collect().await.unwrap();

    let stuck = acting(Says(200, &[Step::Data("hel"), Step::Wait]));
    let app = RedLayer::server(&metrics).layer(deadline.layer(stuck));
    let response = app.oneshot(request()).await.unwrap();
    response.into_body().collect().await.unwrap_err();
    let expected = [("deadline", 2)].into();
    assert_eq!((in_flight(&metrics), outcomes(&metrics)), (0, expected));
    // Cut off in its body, it has the status of its head.
    let snapshot = metrics.snapshot();
    let statuses = snapshot.completions().map(|(_, it)| it.status());
    assert_eq!(statuses.collect::<Vec<_>>(), [HTTP(200), HTTP(504)]);
}

#[tokio::test]
async fn a_refusal_that_is_an_error_is_known_too() {
    let metrics = Registry::new();
    let limiter = Local::builder(TokenBucket::new(Quota::per_minute(1)))
        .clock(Manual::new())
        .direct();
    let limited = RateLimitLayer::new(limiter)
        .refuse_with(AsError)
        .layer(acting_ok());
    let app = RedLayer::client(&metrics).layer(limited);
    drop(app.clone().oneshot(request()).await.unwrap());
    app.oneshot(request()).await.unwrap_err();
    assert_eq!(outcomes(&metrics), [("cancelled", 1), ("shed", 1)].into());
}

#[tokio::test]
async fn a_closure_may_say_otherwise() {
    let metrics = Registry::new();
    let layer =
        RedLayer::server(&metrics).classify(|ended: &RequestEnd<'_>| match ended.status() {
            Some(Status::Http(404)) => Outcome::Ok,
            _ => ended.outcome(),
        });
    for status in [404, 400] {
        let service = layer.layer(acting(Says(status, &[])));
        let response = service.oneshot(request()).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    assert_eq!(outcomes(&metrics), [("client_error", 1), ("ok", 1)].into());
}

#[tokio::test]
async fn an_exempt_request_is_not_counted() {
    let metrics = Registry::new();
    let layer = RedLayer::server(&metrics).exempt(|req: &Req| req.uri() == "/metrics");
    let service = layer.layer(acting_ok());
    let mut request = request();
    *request.uri_mut() = "/metrics".parse().unwrap();
    drop(service.oneshot(request).await.unwrap());
    assert!(metrics.snapshot().series.is_empty());
}

#[tokio::test]
async fn a_client_takes_an_error_of_its_own_for_a_failure() {
    let counted = |layer: RedLayer| async move {
        take(layer, Says(404, &[]), request()).await;
    };
    let (received, sent) = (Registry::new(), Registry::new());
    counted(RedLayer::server(&received)).await;
    counted(RedLayer::client(&sent)).await;
    assert_eq!(received.snapshot().failed(), 0);
    assert_eq!(sent.snapshot().failed(), 1);
    assert_eq!(sent.snapshot().count(Outcome::ClientError), 1);
}

#[tokio::test]
async fn calls_of_any_service_obey_the_law() {
    let metrics = Registry::new();
    let service = RedCallLayer::new("job", &metrics).layer(service_fn(async |n: u32| match n {
        0 => Err(BoxError::from("no job")),
        1 => panic!("as told"),
        2 => std::future::pending().await,
        n => Ok(n),
    }));
    for n in 0..5 {
        let asked = AssertUnwindSafe(service.clone().oneshot(n)).catch_unwind();
        drop(asked.now_or_never());
    }
    assert_eq!(in_flight(&metrics), 0);
    let expected = [
        ("cancelled", 1),
        ("ok", 2),
        ("panic", 1),
        ("server_error", 1),
    ];
    assert_eq!(outcomes(&metrics), expected.into());
}

#[tokio::test]
async fn durations_end_with_the_body_and_heads_with_the_response() {
    let (metrics, clock) = {
        let clock = Manual::new();
        (Registry::builder().clock(clock.clone()).build(), clock)
    };
    let steps = &[Step::Data("hel"), Step::Data("lo")];
    let service = RedLayer::server(&metrics).layer(acting(Says(200, steps)));
    let asked = service.oneshot(request());
    clock.advance(ms(7));
    let mut asked = Box::pin(asked);
    // The service is called when the future is first polled.
    let response = asked.as_mut().await.unwrap();
    clock.advance(ms(60));
    response.into_body().collect().await.unwrap();
    let snapshot = metrics.snapshot();
    assert_eq!(snapshot.heads().unwrap().sum(), ms(0));
    assert_eq!(snapshot.durations().unwrap().sum(), ms(60));
    assert_eq!(snapshot.durations().unwrap().at_most(ms(75)), Some(1));
    assert_eq!(snapshot.durations().unwrap().at_most(ms(50)), Some(0));
}

#[tokio::test]
async fn event_streams_are_counted_apart_from_answers() {
    let metrics = Registry::new();
    let headers = &[("content-type", "text/event-stream; charset=utf-8")];
    let service = RedLayer::server(&metrics).layer(acting(Grpc(headers, &[Step::Wait])));
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!(in_flight(&metrics), 1);
    drop(response);
    let snapshot = metrics.snapshot();
    assert!(the_only(&snapshot).is_streamed());
    assert_eq!(snapshot.durations(), None, "of what is no stream");
}
