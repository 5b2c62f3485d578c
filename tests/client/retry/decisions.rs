//! What is repeated, when, and what the caller gets if nothing is.

use std::{io, sync::Arc};

use http::Request;
use http_body_util::{BodyExt, Full};
use sluicegate::{
    client::{
        Progress, RetryLayer,
        retry::{Snapshot, Stop},
    },
    deadline::PropagateDeadlineLayer,
    red::Registry,
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use super::support::{Does, Server, get, layer, ms, post, rpc};

/// Sends a request to a server with this script. Returns how often it was sent,
/// how long that took, the last status, and the counts.
async fn sent_by(
    layer: RetryLayer,
    script: &[Does],
    req: Request<Full<bytes::Bytes>>,
) -> (usize, u128, String) {
    let server = Server::new(script.to_vec());
    let begun = Instant::now();
    let result = layer.layer(server.clone()).oneshot(req).await;
    let took = begun.elapsed().as_millis();
    let end = match result {
        Ok(response) => {
            let status = response.status().as_u16().to_string();
            let collected = response.into_body().collect().await;
            match collected.map(|it| it.trailers().cloned()) {
                Ok(Some(trailers)) => format!("{status} {:?}", trailers["grpc-status"]),
                Ok(None) => status,
                Err(error) => format!("{status} {error}"),
            }
        }
        Err(error) => error.to_string(),
    };
    (server.calls(), took, end)
}

async fn sent(script: &[Does], req: Request<Full<bytes::Bytes>>) -> (usize, u128, String) {
    sent_by(layer().0, script, req).await
}

fn ok(calls: usize, took: u128) -> (usize, u128, String) {
    (calls, took, "200".into())
}

fn unkeyed(calls: usize, end: &str) -> (usize, u128, String) {
    (calls, 0, end.into())
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_method_is_repeated_and_another_is_not() {
    for status in [502, 503, 504] {
        let fails = [Does::says(status)];
        assert_eq!(sent(&fails, get()).await, ok(2, 50));
        let end = status.to_string();
        assert_eq!(sent(&fails, post()).await, unkeyed(1, &end));
        for method in ["PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"] {
            let mut req = get();
            *req.method_mut() = method.parse().unwrap();
            assert_eq!(sent(&fails, req).await, ok(2, 50), "{method}");
        }
        let mut patch = get();
        *patch.method_mut() = http::Method::PATCH;
        assert_eq!(sent(&fails, patch).await, unkeyed(1, &end));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_have_been_processed_needs_a_key() {
    let fails = [Does::says(503), Does::Breaks];
    assert_eq!(sent(&fails, post()).await.0, 1);
    let mut keyed = post();
    let key = keyed.headers_mut().entry("idempotency-key");
    key.or_insert("17".parse().unwrap());
    assert_eq!(sent(&fails, keyed.clone()).await, ok(3, 150));
    keyed
        .headers_mut()
        .append("idempotency-key", "18".parse().unwrap());
    assert_eq!(sent(&fails, keyed).await.0, 1, "two keys are none");
}

#[tokio::test(start_paused = true)]
async fn an_attached_key_is_the_same_in_all_attempts() {
    let server = Server::new([Does::says(503), Does::Breaks]);
    let client = layer().0.attach_key().layer(server.clone());
    client.clone().oneshot(post()).await.unwrap();
    client.clone().oneshot(get()).await.unwrap();
    client.oneshot(post()).await.unwrap();
    let seen = server.seen();
    let key = |nth: usize| seen[nth].headers.get("idempotency-key");
    assert!(key(0).is_some() && key(0) == key(1) && key(1) == key(2));
    assert_eq!(key(3), None, "GET needs none");
    assert_ne!(key(4), key(0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_not_processed_is_always_repeated() {
    for (does, took) in [
        (Does::RefusesStream, 0),
        (Does::RefusesConnection, 50),
        (Does::NotReady, 50),
    ] {
        let calls = 1 + usize::from(does.left());
        assert_eq!(
            sent(std::slice::from_ref(&does), post()).await,
            ok(calls, took),
            "{does:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_has_failed_is_not_used_again() {
    let server = Server::new([Does::NotReady, Does::says(200), Does::NotReady]);
    let mut client = layer().0.layer(server.clone());
    for _ in 0..3 {
        let client = ServiceExt::<Request<Full<bytes::Bytes>>>::ready(&mut client);
        client.await.unwrap().call(get()).await.unwrap();
    }
    assert_eq!(server.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_application_says_more_about_a_boxed_error() {
    let knows = |kind| {
        let read = move |error: &io::Error| (error.kind() == kind).then_some(Progress::NotSent);
        layer().0.errors(read)
    };
    let breaks = [Does::Breaks];
    let reset = knows(io::ErrorKind::ConnectionReset);
    assert_eq!(sent_by(reset, &breaks, post()).await, ok(2, 50));
    let other = knows(io::ErrorKind::BrokenPipe);
    assert_eq!(sent_by(other, &breaks, post()).await.0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_stream_is_repeated_once_at_once_and_then_by_the_budget() {
    let refused = [Does::RefusesStream, Does::RefusesStream];
    assert_eq!(sent(&refused, post()).await, ok(3, 50));
    let poor = RetryLayer::new().random(|| u64::MAX);
    let (calls, took, end) = sent_by(poor, &refused, post()).await;
    assert_eq!((calls, took), (2, 0));
    assert!(end.contains("refused"), "{end}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_not_sent_needs_no_budget_and_ends_with_its_deadline() {
    let refused = vec![Does::RefusesConnection; 12];
    let poor = || RetryLayer::new().random(|| u64::MAX);
    let (calls, took, _) = sent_by(poor(), &refused, post()).await;
    assert_eq!((calls, took), (0, 150), "two retries without a deadline");
    let mut req = post();
    let header = req.headers_mut().entry("x-request-timeout");
    header.or_insert("60s".parse().unwrap());
    let (calls, took, end) = sent_by(poor(), &refused, req).await;
    assert_eq!((calls, end.as_str()), (1, "200"));
    assert_eq!(took, 50 + 100 + 200 + 400 + 800 + 7 * 1_000);
}

#[tokio::test(start_paused = true)]
async fn statuses_without_a_time_are_answers() {
    for status in [200, 400, 404, 408, 409, 425, 429, 500, 501] {
        let fails = [Does::says(status)];
        assert_eq!(sent(&fails, get()).await, unkeyed(1, &status.to_string()));
    }
    for status in [409, 429] {
        let fails = [Does::says_with(status, "retry-after", "3")];
        assert_eq!(sent(&fails, get()).await, ok(2, 3_000));
        assert_eq!(
            sent(&fails, post()).await.0,
            1,
            "it may have been processed"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_and_capped() {
    let after = |value| [Does::says_with(503, "retry-after", value)];
    assert_eq!(sent(&after("7"), get()).await, ok(2, 7_000));
    assert_eq!(sent(&after("300"), get()).await, ok(2, 300_000));
    for long in ["301", "1000000000000", "99999999999999999999999999"] {
        assert_eq!(sent(&after(long), get()).await, unkeyed(1, "503"), "{long}");
    }
    for unsaid in ["0", "-7", "1.5", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"] {
        assert_eq!(sent(&after(unsaid), get()).await, ok(2, 50), "{unsaid}");
    }
    let date = Does::Says(
        503,
        vec![
            ("date", "Fri, 31 Dec 1999 23:59:50 GMT".into()),
            ("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT".into()),
        ],
    );
    assert_eq!(sent(&[date], get()).await, ok(2, 9_000));
    let no = [Does::says_with(503, "x-sluicegate-retry", "no")];
    assert_eq!(sent(&no, get()).await, unkeyed(1, "503"));
}

fn grpc_layer() -> RetryLayer {
    layer().0.idempotent(|path| path == "/shop.Things/Get")
}

#[tokio::test(start_paused = true)]
async fn a_grpc_method_is_repeated_if_it_is_named() {
    let forms: [fn(u16, Vec<_>) -> Does; 2] = [Does::TrailersOnly, Does::Trailers];
    for does in forms {
        let fails = [does(14, Vec::new())];
        let (calls, took, end) = sent_by(grpc_layer(), &fails, rpc("Get")).await;
        assert_eq!((calls, took, end.as_str()), (2, 50, "200"));
        assert_eq!(sent_by(grpc_layer(), &fails, rpc("Put")).await.0, 1);
        let mut keyed = rpc("Put");
        let key = keyed.headers_mut().entry("idempotency-key");
        key.or_insert("17".parse().unwrap());
        assert_eq!(sent_by(grpc_layer(), &fails, keyed).await.0, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn grpc_trailers_decide() {
    let does = |code| [Does::Trailers(code, Vec::new())];
    for code in [0, 1, 2, 3, 4, 8, 10, 13, 16] {
        let end = format!("200 \"{code}\"");
        assert_eq!(
            sent_by(grpc_layer(), &does(code), rpc("Get")).await,
            unkeyed(1, &end)
        );
    }
    let told = [Does::Message(14)];
    let (calls, _, end) = sent_by(grpc_layer(), &told, rpc("Get")).await;
    assert_eq!(
        (calls, end.as_str()),
        (1, "200 \"14\""),
        "a message was delivered"
    );
    let none = [Does::NoStatus];
    assert_eq!(
        sent_by(grpc_layer(), &none, rpc("Get")).await,
        unkeyed(1, "200")
    );
}

#[tokio::test(start_paused = true)]
async fn pushback_is_exact_and_restarts_the_backoff() {
    let pushed = |code, value: &str| {
        let fields = vec![("grpc-retry-pushback-ms", value.to_owned())];
        Does::Trailers(code, fields)
    };
    let plain = || Does::Trailers(14, Vec::new());
    let layer = || grpc_layer().max_retries(9);
    let script = [plain(), plain(), pushed(14, "70"), plain(), pushed(14, "0")];
    let (calls, took, _) = sent_by(layer(), &script, rpc("Get")).await;
    assert_eq!((calls, took), (6, 50 + 100 + 70 + 50));
    for value in ["-1", "soon", "1.5", ""] {
        assert_eq!(
            sent_by(layer(), &[pushed(14, value)], rpc("Get")).await.0,
            1
        );
    }
    assert_eq!(sent_by(layer(), &[pushed(8, "70")], rpc("Get")).await.1, 70);
    assert_eq!(
        sent_by(layer(), &[pushed(10, "70")], rpc("Get")).await.1,
        70
    );
    assert_eq!(sent_by(layer(), &[pushed(13, "70")], rpc("Get")).await.0, 1);
    assert_eq!(
        sent_by(layer(), &[pushed(14, "300001")], rpc("Get"))
            .await
            .0,
        1
    );
    let twice = Does::Trailers(14, vec![("grpc-retry-pushback-ms", "1".into()); 2]);
    assert_eq!(sent_by(layer(), &[twice], rpc("Get")).await.0, 1);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_in_a_header_and_by_the_observer() {
    let server = Server::new([Does::RefusesConnection, Does::says(503), Does::says(503)]);
    let (layer, counts) = layer();
    let client = layer.max_retries(3).layer(server.clone());
    client.oneshot(get()).await.unwrap();
    let seen = server.seen();
    let header = |nth: usize| seen[nth].headers.get("x-previous-attempts").cloned();
    assert_eq!(header(0), None, "the first one that was sent");
    assert_eq!(header(1).unwrap(), "1");
    assert_eq!(header(2).unwrap(), "2");
    let counted = counts.snapshot();
    assert_eq!((counted.called, counted.attempts()), (1, 4));
    assert_eq!((counted.retried_not_sent, counted.retried_unknown), (1, 2));

    let server = Server::new([Does::TrailersOnly(14, Vec::new())]);
    let client = grpc_layer().layer(server.clone());
    client.oneshot(rpc("Get")).await.unwrap();
    assert_eq!(server.seen()[1].headers["grpc-previous-rpc-attempts"], "1");
}

#[tokio::test(start_paused = true)]
async fn attempts_are_exported_by_a_registry() {
    let metrics = Registry::new();
    let failures = [
        Does::RefusesConnection,
        Does::RefusesStream,
        Does::says(503),
        Does::says(503),
    ];
    let client = layer().0.max_retries(3).observe(Arc::new(metrics.clone()));
    let client = client.layer(Server::new(failures));
    client.oneshot(get()).await.unwrap();
    let text = metrics.prometheus();
    for line in [
        r#"sluicegate_retry_attempts_total{attempt="first"} 1"#,
        r#"sluicegate_retry_attempts_total{attempt="not_sent"} 1"#,
        r#"sluicegate_retry_attempts_total{attempt="not_processed"} 1"#,
        r#"sluicegate_retry_attempts_total{attempt="unknown"} 1"#,
        r#"sluicegate_retry_stopped_total{reason="attempts"} 1"#,
        r#"sluicegate_retry_stopped_total{reason="budget"} 0"#,
        "sluicegate_retry_nested_total 0",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line}\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn there_are_as_many_attempts_as_allowed_and_the_last_failure_is_returned() {
    for most in [0, 1, 5] {
        let script = vec![Does::says(503); 9];
        let (layer, counts) = layer();
        let (calls, _, end) = sent_by(layer.max_retries(most), &script, get()).await;
        assert_eq!((calls, end.as_str()), (1 + most as usize, "503"));
        assert_eq!(counts.snapshot().stopped(Stop::Attempts), 1);
    }
    let script = [Does::says(503), Does::Breaks, Does::says(502)];
    assert_eq!(sent(&script, get()).await.2, "502");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_time_for_one_attempt_is_a_failure() {
    let slow = Does::Sleeps(5_000, Box::new(Does::says(200)));
    for (req, calls) in [(get(), 2), (post(), 1)] {
        let server = Server::new([slow.clone()]);
        let attempt = PropagateDeadlineLayer::new().call_max(ms(1_000));
        let client = ServiceBuilder::new()
            .layer(layer().0)
            .layer(attempt)
            .service(server.clone());
        let status = client.oneshot(req).await.unwrap().status().as_u16();
        assert_eq!(
            (server.calls(), status),
            (calls, if calls == 2 { 200 } else { 504 })
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_requests_has_no_retries() {
    let poor = RetryLayer::new();
    let script = vec![Does::says(503); 10];
    let server = Server::new(script);
    let client = poor.layer(server.clone());
    for _ in 0..9 {
        client.clone().oneshot(get()).await.unwrap();
    }
    assert_eq!(server.calls(), 9);
    client.oneshot(get()).await.unwrap();
    assert_eq!(server.calls(), 11, "a tenth of ten requests");
}

#[test]
fn bad_settings_fail_where_they_are_set() {
    let failed = |set: fn()| {
        let panic = std::panic::catch_unwind(set).unwrap_err();
        *panic.downcast::<String>().unwrap()
    };
    assert_eq!(
        failed(|| _ = RetryLayer::new().backoff(ms(0), ms(1))),
        "invalid base 0ns: must be more than 0"
    );
    assert_eq!(
        failed(|| _ = RetryLayer::new().backoff(ms(2), ms(1))),
        "invalid cap 1ms: must be the base to 1 h"
    );
    assert_eq!(Snapshot::default().attempts(), 0);
}
