//! The timeouts that requests ask for, and those that they get.

use http::{HeaderName, Response, StatusCode};
use http_body_util::BodyExt;
use sluicegate::deadline::{self, EnforceDeadlineLayer, Event, Form, Observe, Trust};
use std::sync::{Arc, Mutex};
use tower::{Layer, ServiceExt, service_fn};

use super::support::{Req, answer, counting, ms, request_with, second};

/// Returns how many milliseconds the handler has, or `none`, or the status of a
/// refusal.
async fn left(layer: &EnforceDeadlineLayer, fields: &[(&'static str, &str)]) -> String {
    let response = answer(layer, request_with(fields), tell).await;
    let status = response.status();
    if status != StatusCode::OK {
        return status.as_u16().to_string();
    }
    let body = response.into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().into()).unwrap()
}

async fn tell(_: Req) -> Response<String> {
    let left = deadline::current().map(|it| it.remaining().as_millis());
    Response::new(left.map_or("none".into(), |it| it.to_string()))
}

fn none() -> EnforceDeadlineLayer {
    EnforceDeadlineLayer::new()
}

#[tokio::test(start_paused = true)]
async fn every_header_is_read_in_its_form() {
    for (name, value, expected) in [
        ("grpc-timeout", "250m", "250"),
        ("x-request-timeout", "250ms", "250"),
        ("request-timeout", "0.25", "250"),
        ("x-envoy-expected-rq-timeout-ms", "250", "250"),
        ("x-other-timeout", "250", "none"),
    ] {
        assert_eq!(left(&none(), &[(name, value)]).await, expected, "{name}");
    }
    let layer = none().headers([(HeaderName::from_static("x-budget"), Form::Millis)]);
    let fields = [("x-budget", "70"), ("grpc-timeout", "10m")];
    assert_eq!(left(&layer, &fields).await, "70");
}

#[tokio::test(start_paused = true)]
async fn the_smallest_of_several_timeouts_counts() {
    let fields = [
        ("grpc-timeout", "300m"),
        ("grpc-timeout", "200m"),
        ("request-timeout", "250ms"),
        ("grpc-timeout", "9S"),
    ];
    assert_eq!(left(&none(), &fields).await, "200");
}

#[tokio::test(start_paused = true)]
async fn malformed_values_are_ignored_and_counted_or_refused() {
    let malformed = [("grpc-timeout", "+5S")];
    let (layer, counts) = counting(second());
    assert_eq!(left(&layer, &malformed).await, "1000");
    let with_another = [("grpc-timeout", "+5S"), ("request-timeout", "70ms")];
    assert_eq!(left(&layer, &with_another).await, "70");
    assert_eq!(counts.snapshot().malformed, 2);

    let (strict, counts) = counting(second().strict());
    assert_eq!(left(&strict, &malformed).await, "400");
    assert_eq!(left(&strict, &with_another).await, "400");
    assert_eq!(left(&strict, &[("grpc-timeout", "70m")]).await, "70");
    assert_eq!(counts.snapshot().malformed, 2);
    let grpc = [("grpc-timeout", "5"), ("content-type", "application/grpc")];
    let response = answer(&strict, request_with(&grpc), tell).await;
    assert_eq!(response.headers()["grpc-status"], "13");
    let distrustful = second().strict().trust(Trust::Never);
    assert_eq!(left(&distrustful, &malformed).await, "1000");
}

#[tokio::test(start_paused = true)]
async fn trust_says_whether_a_header_lowers_or_raises() {
    let (lower, higher) = ([("grpc-timeout", "1m")], [("grpc-timeout", "9S")]);
    for (trust, expected) in [
        (Trust::Never, ["1000", "1000"]),
        (Trust::LowerOnly, ["1", "1000"]),
        (Trust::Full, ["1", "5000"]),
    ] {
        let layer = second().maximum(ms(5_000)).trust(trust);
        assert_eq!(left(&layer, &lower).await, expected[0], "{trust:?}");
        assert_eq!(left(&layer, &higher).await, expected[1], "{trust:?}");
        assert_eq!(left(&layer, &[]).await, "1000");
    }
    let layer = second();
    assert_eq!(left(&layer, &higher).await, "1000", "the default trust");
}

#[tokio::test(start_paused = true)]
async fn a_closure_says_which_requests_to_trust() {
    let layer = second().trust(|req: &Req| match req.headers().contains_key("internal") {
        true => Trust::Full,
        false => Trust::LowerOnly,
    });
    for (fields, expected) in [
        (&[("grpc-timeout", "9S"), ("internal", "1")][..], "9000"),
        (&[("grpc-timeout", "9S")][..], "1000"),
    ] {
        let handler = service_fn(async |req| Ok::<_, std::convert::Infallible>(tell(req).await));
        let Ok(response) = layer.layer(handler).oneshot(request_with(fields)).await;
        let left = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(left, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_that_is_too_long_is_clamped_and_counted() {
    let (layer, counts) = counting(none().maximum(ms(500)));
    assert_eq!(left(&layer, &[("grpc-timeout", "99999999H")]).await, "500");
    assert_eq!(left(&layer, &[("grpc-timeout", "500m")]).await, "500");
    assert_eq!(left(&layer, &[]).await, "none");
    assert_eq!(
        (counts.snapshot().clamped, counts.snapshot().entered),
        (1, 3)
    );
    assert_eq!(left(&second().maximum(ms(500)), &[]).await, "500");
    let far = left(&none(), &[("grpc-timeout", "99999999H")]).await;
    assert!(far.parse::<u64>().unwrap() > 1 << 39, "{far}");
}

#[derive(Debug, Default)]
struct Events(Mutex<Vec<Event>>);

impl Observe for Events {
    fn noticed(&self, event: &Event) {
        self.0.lock().unwrap().push(*event);
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_is_told_what_was_left_at_the_entry() {
    let events = Arc::new(Events::default());
    let layer = none().observe(events.clone());
    left(&layer, &[("grpc-timeout", "70m")]).await;
    left(&layer, &[]).await;
    let expected = [Event::Entered(Some(ms(70))), Event::Entered(None)];
    assert_eq!(*events.0.lock().unwrap(), expected);
}

#[test]
#[should_panic(expected = "invalid default_timeout 0ns: must be more than 0")]
fn a_default_of_zero_is_refused() {
    let _ = none().default_timeout(ms(0));
}

#[test]
#[should_panic(expected = "invalid maximum 0ns: must be more than 0")]
fn a_maximum_of_zero_is_refused() {
    let _ = none().maximum(ms(0));
}
