//! Requests in each stage.

use std::future::pending;

use http::{Request, Response, StatusCode, Version};
use sluicegate::{
    drain::{Counts, Drain, Ending, Stage},
    refusal::{Reason, Refusal},
};
use std::sync::Arc;
use tokio::time::{Instant, sleep};

use crate::support::{Body, ask, behind, drain, get, ms, text, whole};

async fn hello(_: Request<()>) -> Response<Body> {
    Response::new(whole("hello"))
}

fn reason(answer: &crate::support::Answer) -> Option<Reason> {
    answer.extensions().get::<Refusal>().map(Refusal::reason)
}

#[tokio::test(start_paused = true)]
async fn requests_are_served_to_the_end_of_the_lame_duck_and_refused_afterwards() {
    let drain = drain();
    let service = behind(&drain.layer(), hello);
    // Keeps the drain from ending.
    let guard = drain.guard("work");
    let driven = tokio::spawn({
        let drain = drain.clone();
        async move { drain.wait().await }
    });
    drain.begin();
    assert!(!drain.readiness().is_ready());
    sleep(ms(99)).await;
    assert_eq!(drain.stage(), Stage::LameDuck);
    let served = ask(&service, get("/")).await;
    assert_eq!(served.status(), StatusCode::OK);
    assert_eq!(text(served).await.unwrap(), "hello");

    sleep(ms(2)).await;
    assert_eq!(drain.stage(), Stage::Draining);
    let refused = ask(&service, get("/")).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["connection"], "close");
    assert_eq!(
        refused.headers().get("retry-after"),
        None,
        "elsewhere, at once"
    );
    assert_eq!(reason(&refused), Some(Reason::Draining));
    drop(guard);
    let report = driven.await.unwrap();
    assert_eq!(report.refused(), 1);
    // The request in the lame duck, and the guard.
    assert_eq!(report.total().finished, 2);
    assert!(report.is_clean());
}

#[tokio::test(start_paused = true)]
async fn connections_are_closed_from_the_lame_duck_on_but_not_those_of_http2() {
    let drain = drain();
    let service = behind(&drain.layer(), hello);
    let closes = async |version| {
        let mut request = get("/");
        *request.version_mut() = version;
        let answer = ask(&service, request).await;
        answer.headers().get("connection").cloned()
    };
    assert_eq!(closes(Version::HTTP_11).await, None);
    drain.begin();
    assert_eq!(closes(Version::HTTP_11).await.unwrap(), "close");
    assert_eq!(closes(Version::HTTP_2).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_grpc_call_that_comes_late_is_told_to_retry_at_once() {
    let drain = drain();
    let service = behind(&drain.layer(), hello);
    let _guard = drain.guard("work");
    let _driven = tokio::spawn({
        let drain = drain.clone();
        async move { drain.wait().await }
    });
    drain.begin();
    sleep(ms(101)).await;
    let mut request = get("/orders.Orders/Place");
    let grpc = "application/grpc".parse().unwrap();
    request.headers_mut().insert("content-type", grpc);
    *request.version_mut() = Version::HTTP_2;
    let refused = ask(&service, request).await;
    assert_eq!(refused.status(), StatusCode::OK);
    assert_eq!(refused.headers()["grpc-status"], "14");
    assert_eq!(refused.headers()["grpc-retry-pushback-ms"], "0");
    assert_eq!(refused.headers().get("connection"), None);
}

#[tokio::test(start_paused = true)]
async fn the_drain_waits_for_the_end_of_bodies_and_no_longer() {
    let drain = drain();
    let service = behind(&drain.layer(), |_| async {
        sleep(ms(150)).await;
        let chunks = futures_util::stream::once(async {
            sleep(ms(150)).await;
            Ok("late")
        });
        Response::new(crate::support::streamed(chunks))
    });
    let begun = Instant::now();
    let request = tokio::spawn(async move { text(ask(&service, get("/slow")).await).await });
    tokio::task::yield_now().await;
    assert_eq!(drain.in_flight(), 1);
    drain.begin();
    let report = drain.wait().await;
    assert_eq!(begun.elapsed(), ms(300));
    assert_eq!(request.await.unwrap().unwrap(), "late");
    assert_eq!(report.by_name()["GET /slow"].finished, 1);
    assert_eq!(drain.stage(), Stage::Ended);
}

#[tokio::test(start_paused = true)]
async fn the_abort_answers_requests_and_breaks_bodies_even_if_nothing_else_wakes_them() {
    let counts = Arc::new(Counts::default());
    let drain = Drain::builder()
        .budget(ms(1_000))
        .lame_duck(ms(0))
        .cancelling(ms(100))
        .closing(ms(100))
        .observe(counts.clone())
        .build();
    let service = behind(&drain.layer(), |req| async move {
        match req.uri().path() {
            "/body" => Response::new(crate::support::streamed(futures_util::stream::pending())),
            _ => pending().await,
        }
    });
    let ask = |path: &'static str| {
        let service = service.clone();
        tokio::spawn(async move { ask(&service, get(path)).await })
    };
    let (head, body) = (ask("/head?secret=1"), ask("/body"));
    let body = tokio::spawn(async move { text(body.await.unwrap()).await });
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    let begun = Instant::now();
    drain.begin();
    let report = drain.wait().await;
    assert_eq!(begun.elapsed(), ms(900));
    let head = head.await.unwrap();
    assert_eq!(head.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(head.headers()["connection"], "close");
    assert_eq!(reason(&head), Some(Reason::Aborted));
    let error = body.await.unwrap().unwrap_err();
    assert!(error.contains("shut down before"), "{error}");
    assert_eq!(
        report.by_name()["GET /head"].aborted,
        1,
        "without its query"
    );
    assert_eq!(report.by_name()["GET /body"].aborted, 1);
    assert!(!report.is_clean());
    assert_eq!(counts.snapshot().ended(Ending::Aborted), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_aborts_in_each_stage() {
    for (after, stage) in [
        (0, Stage::LameDuck),
        (500, Stage::Draining),
        (820, Stage::Cancelling),
        (870, Stage::Cancelling),
    ] {
        let drain = drain();
        let service = behind(&drain.layer(), |_| pending());
        let request = tokio::spawn(async move { ask(&service, get("/")).await });
        let driven = tokio::spawn({
            let drain = drain.clone();
            async move { drain.wait().await }
        });
        tokio::task::yield_now().await;
        drain.signal();
        sleep(ms(after)).await;
        assert_eq!(drain.stage(), stage);
        drain.signal();
        let aborted = Instant::now();
        let report = driven.await.unwrap();
        assert_eq!(
            aborted.elapsed(),
            ms(0),
            "the request was all that it waited for"
        );
        assert_eq!(report.total().aborted, 1);
        assert_eq!(
            request.await.unwrap().status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
}

#[tokio::test(start_paused = true)]
async fn exempt_requests_are_served_in_each_stage_and_not_waited_for() {
    let drain = drain();
    let layer = drain
        .layer()
        .exempt(|req: &Request<()>| req.uri().path() == "/metrics");
    let handler = tower::service_fn(|_| async {
        Ok::<_, std::convert::Infallible>(Response::new(whole("up 1")))
    });
    let service = tower::Layer::layer(&layer, handler);
    let scrape = async || {
        let answer = tower::ServiceExt::oneshot(service.clone(), get("/metrics")).await;
        text(answer.unwrap()).await.unwrap()
    };
    assert_eq!(scrape().await, "up 1");
    drain.begin();
    let report = drain.wait().await;
    assert_eq!(scrape().await, "up 1");
    assert_eq!((report.total().finished, report.refused()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_is_neither_finished_nor_aborted() {
    let drain = drain();
    let service = behind(&drain.layer(), |_| pending());
    let request = tokio::spawn(async move { ask(&service, get("/")).await });
    tokio::task::yield_now().await;
    drain.begin();
    request.abort();
    let report = drain.wait().await;
    assert_eq!(report.total().dropped, 1);
    assert_eq!(report.took(), ms(100));
    let text = report.to_string();
    let first = "drained in 0.10 s: 0 finished, 0 cancelled, 0 aborted, 1 dropped, 0 refused";
    assert_eq!(text, format!("{first}\nGET /: 1 dropped"));
}

#[tokio::test(start_paused = true)]
async fn without_a_drain_nothing_is_reported_and_responses_stay_as_they_are() {
    let counts = Arc::new(Counts::default());
    let drain = Drain::builder().observe(counts.clone()).build();
    let service = behind(&drain.layer(), hello);
    let answer = ask(&service, get("/")).await;
    assert!(answer.headers().is_empty() && answer.extensions().is_empty());
    assert_eq!(drain.in_flight(), 1, "until the end of the body");
    drop(answer);
    assert_eq!(drain.in_flight(), 0);
    assert_eq!(counts.snapshot(), Default::default());
}
