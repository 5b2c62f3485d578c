//! Servers that are down, and come back with their records.

use std::{future::ready, time::Duration};

use axum::body::Body;
use http::{Request, Response};
use sluicegate::idempotency::{
    Claim, ClaimRequest, Claimant, Counts, Fingerprint, IdempotencyLayer, LeaseStatus, Redis,
    RunError, RunOutcome, Runner, Store, StoreError, Takeover,
};
use tower::{Layer, ServiceExt, service_fn};

use super::{MINUTE, gate, name, request, store};
use crate::{
    connection::{builder, until},
    scratch::Scratch,
    server::Server,
};

fn lasting(scratch: &Scratch) -> Server {
    let folder = ["--dir", scratch.path()];
    let file = ["--appendonly", "yes", "--appendfsync", "always"];
    Server::with(&[folder.as_slice(), file.as_slice()].concat())
}

async fn until_back(store: &Redis) {
    until("it answers again", || async {
        store.eviction_policy().await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_server_with_an_append_only_file_keeps_all_records_in_a_crash() {
    let scratch = Scratch::new();
    let mut server = lasting(&scratch);
    let (store, _connection) = store(server.url()).await;
    let (done, running) = (request(), request());
    assert!(store.claim(name("done"), done).await.is_ok());
    let kept = store
        .complete(name("done"), done.token, "done".into(), MINUTE)
        .await;
    assert_eq!(kept, Ok(LeaseStatus::Held));
    assert!(store.claim(name("running"), running).await.is_ok());
    server.restart();
    until_back(&store).await;
    let replayed = store.claim(name("done"), request()).await;
    assert_eq!(replayed, Ok(Claim::Replay("done".into())));
    let refused = store.claim(name("running"), request()).await;
    assert!(matches!(refused, Ok(Claim::Running { .. })));
    let held = store.complete(name("running"), running.token, "late".into(), MINUTE);
    assert_eq!(held.await, Ok(LeaseStatus::Held));
    let replayed = store.claim(name("running"), request()).await;
    assert_eq!(replayed, Ok(Claim::Replay("late".into())));
}

#[tokio::test]
async fn a_lease_that_lapses_meanwhile_is_of_unknown_outcome() {
    let scratch = Scratch::new();
    let mut server = lasting(&scratch);
    let (store, _connection) = store(server.url()).await;
    let short = ClaimRequest {
        lease: Duration::from_millis(1),
        ..request()
    };
    assert!(store.claim(name("k"), short).await.is_ok());
    server.restart();
    until_back(&store).await;
    let careful = ClaimRequest {
        takeover: Takeover::Refuse,
        ..request()
    };
    until("it lapses", || async {
        store.claim(name("k"), careful).await == Ok(Claim::Unknown)
    })
    .await;
}

#[tokio::test]
async fn an_open_breaker_answers_at_once_and_nothing_runs() {
    let mut server = Server::start();
    let connection = builder(server.url()).connect().await.unwrap();
    let counts = std::sync::Arc::new(Counts::default());
    let store = Redis::new("orders", &connection);
    let runner = Runner::over(Claimant::new(store.clone()).observe(counts.clone()));
    let run = || async {
        let work = || async { Ok::<_, String>(17) };
        runner
            .run_once(name("k"), Fingerprint::of("work"), work)
            .await
    };
    server.kill();
    until("the breaker opens", || async {
        assert!(matches!(
            run().await,
            Err(RunError::Store(StoreError::Unavailable(_)))
        ));
        connection.stats().opened == 1
    })
    .await;
    let (before, repeated) = (connection.stats(), store.counts().repeated);
    for _ in 0..100 {
        let away = store.claim(name("k"), request()).await;
        assert!(matches!(away, Err(StoreError::Unavailable(_))));
    }
    // No call was sent, and none was repeated.
    let after = connection.stats();
    assert_eq!(
        after.circuit_open - before.circuit_open,
        after.calls - before.calls
    );
    assert!(after.circuit_open - before.circuit_open >= 100 && after.connects == before.connects);
    assert_eq!(store.counts().repeated, repeated);
    assert_eq!(counts.snapshot().began, 0);
    server.restart();
    until("it runs", || async {
        matches!(run().await, Ok(RunOutcome::Ran(17)))
    })
    .await;
    assert_eq!(counts.snapshot().began, 1);
}

#[tokio::test]
async fn a_request_whose_key_cannot_be_checked_is_told_when_to_come_again() {
    let server = Server::start();
    let every = Duration::from_secs(3_600);
    let connection = builder(server.url()).breaker(1, every);
    let connection = connection.connect().await.unwrap();
    let store = Redis::new("orders", &connection);
    let layer = IdempotencyLayer::new(store.clone()).global_scope();
    let service = layer.layer(service_fn(|_: Request<Body>| {
        ready(Ok::<_, std::convert::Infallible>(Response::new(
            Body::empty(),
        )))
    }));
    drop(server);
    assert!(store.claim(name("k"), request()).await.is_err());
    let request = Request::post("/").header("idempotency-key", "k");
    let answer = service.oneshot(request.body(Body::empty()).unwrap()).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "3600");
}

/// Work goes on while Redis is down, and is completed when it is back.
#[tokio::test]
async fn work_outlasts_a_crash_of_redis() {
    let scratch = Scratch::new();
    let mut server = lasting(&scratch);
    let connection = builder(server.url()).connect().await.unwrap();
    let store = Redis::new("orders", &connection);
    let runner = Runner::over(Claimant::new(store.clone()).lease(MINUTE));
    let ((begin, begun), (end, ended)) = (gate(), gate());
    let running = runner.clone();
    let work = tokio::spawn(async move {
        let work = move || async move {
            begin.send(()).unwrap();
            ended.await;
            Ok::<_, String>(17)
        };
        running
            .run_once(name("k"), Fingerprint::of("work"), work)
            .await
    });
    begun.await;
    server.kill();
    end.send(()).unwrap();
    let ended = work.await.unwrap();
    assert!(matches!(ended, Ok(RunOutcome::Unsaved(17))), "{ended:?}");
    server.restart();
    until("its end is known", || async {
        matches!(
            store.claim(name("k"), request()).await,
            Ok(Claim::Replay(_))
        )
    })
    .await;
    until("nothing is left to do", || {
        ready(runner.tracker().running() == 0)
    })
    .await;
}
