//! The layer around services that are pending, fail, or upgrade after a wait,
//! and what it tells of its decisions.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    future::{Future, Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody};
use sluicegate::{
    concurrency::{
        Ask, ConcurrencyLayer, Counts, EntryOutcome, Event, Local, Observe, Priority, Queue, Rank,
        Shed, UpgradeGuard,
    },
    criticality::{
        self,
        Criticality::{self, Critical, Sheddable},
    },
    refusal::{Answer, NoText},
};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::admitted;

fn request() -> Request<()> {
    Request::new(())
}

fn silent() -> Answer<NoText> {
    Answer::new().without_body()
}

/// Answers with an empty body, and is ready if it is told so.
#[derive(Clone)]
struct TestService {
    is_ready: bool,
}

impl Service<Request<()>> for TestService {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match self.is_ready {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    fn call(&mut self, _req: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Empty::new())))
    }
}

/// Notes the ranks and the outcomes of all requests.
#[derive(Debug, Default)]
struct Noted(Mutex<Vec<(Rank, EntryOutcome)>>);

impl Observe for Noted {
    fn decided(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push((event.rank, event.outcome));
    }
}

#[tokio::test]
async fn a_service_that_is_not_ready_is_no_overload() {
    let (permits, counts) = (Local::new(1), Arc::new(Counts::default()));
    let service = ConcurrencyLayer::new(permits.clone())
        .observe(counts.clone())
        .refuse_with(silent())
        .layer(TestService { is_ready: false });
    let calls = (0..5).map(|_| Box::pin(service.clone().oneshot(request())));
    let mut calls: Vec<_> = calls.collect();
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(calls.iter_mut().all(|it| it.as_mut().poll(cx).is_pending()));
    assert_eq!(permits.load().in_flight, 0);
    let seen = counts.snapshot();
    assert!(EntryOutcome::all().all(|outcome| seen.count(outcome) == 0));
}

#[tokio::test]
async fn a_body_that_fails_gives_the_permit_back() {
    let permits = Local::new(1);
    let failing = service_fn(|_: Request<()>| {
        let frames = [Ok(Frame::data(Bytes::from("first"))), Err("broken")];
        let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
        ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let service = ConcurrencyLayer::new(permits.clone())
        .refuse_with(silent())
        .layer(failing);
    let mut response = service.oneshot(request()).await.unwrap();
    assert!(response.body_mut().frame().await.unwrap().is_ok());
    assert_eq!(permits.load().in_flight, 1);
    let error = response.body_mut().frame().await.unwrap().unwrap_err();
    assert_eq!((error, permits.load().in_flight), ("broken", 0));
    drop(response);
    assert_eq!(permits.load().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_upgrades_after_a_wait_keeps_its_permit() {
    let permits = Local::builder(1).queue(Queue::new(1)).build();
    let guard: Arc<Mutex<Option<UpgradeGuard>>> = Arc::default();
    let kept = guard.clone();
    let upgrading = service_fn(move |req: Request<()>| {
        *kept.lock().unwrap() = req.extensions().get().cloned();
        let mut response = Response::new(Empty::<Bytes>::new());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        ready(Ok::<_, Infallible>(response))
    });
    let service = ConcurrencyLayer::new(permits.clone())
        .count_upgrades()
        .refuse_with(silent())
        .layer(upgrading);
    let held = admitted(permits.acquire(Ask::new()));
    let waiting = tokio::spawn(service.oneshot(request()));
    tokio::task::yield_now().await;
    drop(held);
    drop(waiting.await.unwrap());
    assert_eq!(permits.load().in_flight, 1);
    *guard.lock().unwrap() = None;
    assert_eq!(permits.load().in_flight, 0);
}

#[tokio::test]
async fn shadow_mode_says_for_which_reason_it_would_have_refused() {
    let noted = Arc::new(Noted::default());
    let permits = Local::builder(2).reserve(Critical, 0.5).build();
    let service = ConcurrencyLayer::new(permits.clone())
        .shadow(true)
        .observe(noted.clone())
        .refuse_with(silent())
        .layer(TestService { is_ready: true });
    let low = || criticality::scope(Sheddable, service.clone().oneshot(request()));
    let _held = admitted(permits.acquire(Ask::new()));
    assert_eq!(low().await.unwrap().status(), 200);
    permits.set_cut_off(Critical.into());
    assert_eq!(low().await.unwrap().status(), 200);
    let outcomes = noted.0.lock().unwrap();
    let reasons = outcomes.iter().map(|(_, outcome)| *outcome);
    assert!(reasons.eq([Shed::Reserved, Shed::CutOff].map(EntryOutcome::Shadowed)));
}

#[tokio::test]
async fn work_for_a_request_is_of_the_lower_of_both_levels() {
    let levels = Criticality::ALL;
    for (caller, own) in levels.iter().flat_map(|it| levels.map(|own| (*it, own))) {
        let noted = Arc::new(Noted::default());
        let service = ConcurrencyLayer::new(Local::new(1))
            .priority(Priority::by(move |_: &Request<()>| own))
            .observe(noted.clone())
            .refuse_with(silent())
            .layer(service_fn(move |req: Request<()>| async move {
                let most = Some(caller.min(own));
                assert_eq!(criticality::current(), most);
                assert_eq!(req.extensions().get().copied(), most);
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }));
        criticality::scope(caller, service.oneshot(request()))
            .await
            .unwrap();
        let (rank, _) = noted.0.lock().unwrap()[0];
        assert_eq!(rank.criticality(), caller.min(own));
    }
}

#[tokio::test]
async fn refused_clients_are_told_whole_seconds_up_to_a_fifth_apart() {
    let permits = Local::new(1);
    let service = ConcurrencyLayer::new(permits.clone())
        .retry_after(Duration::from_secs(100))
        .refuse_with(silent())
        .layer(TestService { is_ready: true });
    let _held = admitted(permits.acquire(Ask::new()));
    let mut told = BTreeSet::new();
    for _ in 0..500 {
        let refused = service.clone().oneshot(request()).await.unwrap();
        let seconds = refused.headers()["retry-after"].to_str().unwrap();
        told.insert(seconds.parse::<u64>().unwrap());
    }
    assert!(told.iter().all(|seconds| (80..=120).contains(seconds)));
    // Each of the 41 is left out of 500 with a chance of 1 in 200,000.
    assert!(told.len() > 30, "{told:?}");
}
