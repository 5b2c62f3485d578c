//! The layer around services that are called by hand: what gives a permit back,
//! and what a refused request gets.

use std::{
    convert::Infallible,
    future::{Future, pending, ready},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use sluicegate::{
    concurrency::{
        Cohorts, ConcurrencyLayer, Counts, EntryOutcome, Local, Priority, Queue, Rank, Shed,
        UpgradeGuard,
    },
    criticality::{self, Criticality},
    deadline::{self, Deadline},
    key,
    refusal::{Answer, Reason, Refusal},
};
use tower::{Layer, Service, ServiceExt, service_fn};

type TestBody = UnsyncBoxBody<Bytes, Infallible>;

fn request() -> Request<()> {
    Request::new(())
}

fn whole(text: &'static str) -> Response<TestBody> {
    Response::new(Full::new(Bytes::from(text)).boxed_unsync())
}

/// A body that has one frame and then waits for ever.
fn endless() -> Response<TestBody> {
    let frame = || Ok(Frame::data(Bytes::from("first")));
    let frames = futures_util::stream::iter([frame()]);
    let frames = futures_util::StreamExt::chain(frames, futures_util::stream::pending());
    Response::new(StreamBody::new(frames).boxed_unsync())
}

/// Answers with what this closure makes.
fn answering(
    make: impl Fn(&Request<()>) -> Response<TestBody> + Clone,
) -> impl Service<Request<()>, Response = Response<TestBody>, Error = Infallible, Future: Send> + Clone
{
    service_fn(move |req: Request<()>| ready(Ok::<_, Infallible>(make(&req))))
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn silent() -> Answer<sluicegate::refusal::NoText> {
    Answer::new().without_body()
}

#[tokio::test]
async fn a_permit_is_held_to_the_end_of_the_body() {
    let permits = Local::new(1);
    let layer = ConcurrencyLayer::new(permits.clone()).refuse_with(silent());
    let service = layer.layer(answering(|_| whole("hello")));
    let response = service.clone().oneshot(request()).await.unwrap();
    assert_eq!(permits.usage().in_flight, 1);
    let refused = service.clone().oneshot(request()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);

    let mut body = pin!(response.into_body());
    assert!(body.frame().await.is_some());
    // The server polls no more, because it has the announced bytes.
    assert_eq!(permits.usage().in_flight, 0);
}

#[tokio::test]
async fn a_body_that_is_dropped_gives_the_permit_back() {
    let permits = Local::new(1);
    let service = ConcurrencyLayer::new(permits.clone())
        .refuse_with(silent())
        .layer(answering(|_| endless()));
    let mut response = service.oneshot(request()).await.unwrap();
    assert!(response.body_mut().frame().await.is_some());
    assert_eq!(permits.usage().in_flight, 1);
    drop(response);
    assert_eq!(permits.usage().in_flight, 0);
}

#[tokio::test]
async fn a_response_without_a_body_ends_with_its_head() {
    let permits = Local::new(1);
    let layer = ConcurrencyLayer::new(permits.clone()).refuse_with(silent());
    for (method, status) in [(Method::GET, 204), (Method::HEAD, 200), (Method::GET, 304)] {
        let service = layer.layer(answering(move |_| {
            let mut response = endless();
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        }));
        let mut req = request();
        *req.method_mut() = method;
        let response = service.oneshot(req).await.unwrap();
        assert_eq!(permits.usage().in_flight, 0, "{status}");
        drop(response);
    }
}

#[tokio::test]
async fn a_permit_goes_back_with_the_head_if_asked() {
    let permits = Local::new(1);
    let service = ConcurrencyLayer::new(permits.clone())
        .release_at_head()
        .refuse_with(silent())
        .layer(answering(|_| endless()));
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!(permits.usage().in_flight, 0);
    drop(response);
    assert_eq!(permits.usage().in_flight, 0);
}

#[tokio::test]
async fn a_ready_service_holds_no_permit() {
    let permits = Local::new(1);
    let layer = ConcurrencyLayer::new(permits.clone()).refuse_with(silent());
    let mut first = layer.layer(answering(|_| whole("")));
    let mut second = first.clone();
    first.ready().await.unwrap();
    second.ready().await.unwrap();
    assert_eq!(permits.usage().in_flight, 0);
    assert_eq!(first.call(request()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn layers_and_clones_share_one_limit() {
    let permits = Local::new(1);
    let layer = ConcurrencyLayer::new(permits).refuse_with(silent());
    let one = layer.layer(answering(|_| endless()));
    let other = layer.clone().layer(answering(|_| endless()));
    let held = one.oneshot(request()).await.unwrap();
    assert_eq!(other.oneshot(request()).await.unwrap().status(), 503);
    drop(held);
}

#[tokio::test]
async fn each_key_has_its_own_permits() {
    let permits = Local::keyed(1);
    let layer = ConcurrencyLayer::new(permits)
        .key(key::header("x-tenant"))
        .refuse_with(silent());
    let service = layer.layer(answering(|_| endless()));
    let of = |tenant: &str| {
        let req = Request::get("/")
            .header("x-tenant", tenant)
            .body(())
            .unwrap();
        service.clone().oneshot(req)
    };
    let ann = of("ann").await.unwrap();
    assert_eq!(of("ann").await.unwrap().status(), 503);
    assert_eq!(of("bob").await.unwrap().status(), 200);
    assert_eq!(
        service.clone().oneshot(request()).await.unwrap().status(),
        400
    );
    drop(ann);
    assert_eq!(of("ann").await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_exempt_request_takes_no_permit() {
    let permits = Local::new(1);
    let service = ConcurrencyLayer::new(permits.clone())
        .exempt(|req: &Request<()>| req.uri().path() == "/healthz")
        .refuse_with(silent())
        .layer(answering(|_| endless()));
    let held = service.clone().oneshot(request()).await.unwrap();
    let health = Request::get("/healthz").body(()).unwrap();
    let answer = service.clone().oneshot(health).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), permits.usage().in_flight),
        (200, 1)
    );
    drop(held);
}

#[tokio::test]
async fn in_shadow_mode_all_requests_pass_at_once() {
    let permits = Local::builder(1).queue(Queue::new(1)).build();
    let service = ConcurrencyLayer::new(permits.clone())
        .shadow(true)
        .refuse_with(silent())
        .layer(answering(|_| endless()));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(service.clone().oneshot(request()).await.unwrap());
    }
    assert!(held.iter().all(|response| response.status() == 200));
    let usage = permits.usage();
    assert_eq!((usage.in_flight, usage.queued()), (1, 0));
    held.clear();
    assert_eq!(permits.usage().in_flight, 0);
}

#[tokio::test]
async fn the_errors_of_the_service_come_out_unchanged_and_release() {
    let permits = Local::new(1);
    let failing = service_fn(|_: Request<()>| ready(Err::<Response<TestBody>, _>("broken")));
    let service = ConcurrencyLayer::new(permits.clone())
        .refuse_with(silent())
        .layer(failing);
    assert_eq!(service.oneshot(request()).await.unwrap_err(), "broken");
    assert_eq!(permits.usage().in_flight, 0);
}

#[tokio::test]
async fn a_panic_gives_the_permit_back_at_once() {
    let permits = Local::new(1);
    let layer = ConcurrencyLayer::new(permits.clone()).refuse_with(silent());
    let in_call = service_fn(
        |_: Request<()>| -> std::future::Ready<Result<Response<TestBody>, Infallible>> {
            panic!("on purpose")
        },
    );
    let mut service = layer.layer(in_call);
    let call = std::panic::AssertUnwindSafe(|| drop(service.call(request())));
    assert!(std::panic::catch_unwind(call).is_err());
    assert_eq!(permits.usage().in_flight, 0);

    let in_future = service_fn(|_: Request<()>| async {
        if true {
            panic!("on purpose");
        }
        Ok::<_, Infallible>(whole(""))
    });
    // The future stays, as in a layer that catches panics.
    let mut future = Box::pin(layer.layer(in_future).oneshot(request()));
    let poll = std::panic::AssertUnwindSafe(|| poll_once(future.as_mut()).is_ready());
    assert!(std::panic::catch_unwind(poll).is_err());
    assert_eq!(permits.usage().in_flight, 0);

    let in_body = answering(|_| {
        let frames = futures_util::stream::poll_fn(|_| -> Poll<Option<Result<Frame<Bytes>, _>>> {
            panic!("on purpose")
        });
        Response::new(StreamBody::new(frames).boxed_unsync())
    });
    let mut response = layer.layer(in_body).oneshot(request()).await.unwrap();
    assert_eq!(permits.usage().in_flight, 1);
    let poll = std::panic::AssertUnwindSafe(|| {
        let body = Pin::new(response.body_mut());
        body.poll_frame(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    });
    assert!(std::panic::catch_unwind(poll).is_err());
    assert_eq!(permits.usage().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_its_turn_and_then_calls_the_ready_service() {
    let permits = Local::builder(1).queue(Queue::new(1)).build();
    let layer = ConcurrencyLayer::new(permits.clone()).refuse_with(silent());
    let service = layer.layer(answering(|_| endless()));
    let held = service.clone().oneshot(request()).await.unwrap();
    let waiting = tokio::spawn(service.clone().oneshot(request()));
    tokio::task::yield_now().await;
    assert_eq!(permits.usage().queued(), 1);
    // The queue is full.
    assert_eq!(service.oneshot(request()).await.unwrap().status(), 503);
    drop(held);
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_the_deadline_of_the_request() {
    let permits = Local::builder(1).queue(Queue::new(1)).build();
    let layer = ConcurrencyLayer::new(permits.clone()).refuse_with(silent());
    let service = layer.layer(answering(|_| endless()));
    let held = service.clone().oneshot(request()).await.unwrap();
    let deadline = Deadline::after(Duration::from_millis(50));
    let response = deadline::scope(deadline, service.oneshot(request()))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert!(deadline.is_expired());
    assert_eq!(permits.usage().queued(), 0);
    drop(held);
}

/// A service that is pending this often before its head, and before each of
/// two frames.
fn slow(
    pendings: usize,
) -> impl Service<Request<()>, Response = Response<TestBody>, Error = Infallible, Future: Send> + Clone
{
    service_fn(move |_: Request<()>| async move {
        for _ in 0..pendings {
            tokio::task::yield_now().await;
        }
        let frames = futures_util::stream::unfold(0, move |nth| async move {
            for _ in 0..pendings {
                tokio::task::yield_now().await;
            }
            (nth < 2).then(|| (Ok(Frame::data(Bytes::from("frame"))), nth + 1))
        });
        Ok::<_, Infallible>(Response::new(StreamBody::new(frames).boxed_unsync()))
    })
}

#[tokio::test(start_paused = true)]
async fn no_permit_is_lost_wherever_a_call_is_dropped() {
    for polls in 0..20 {
        let permits = Local::builder(1).queue(Queue::new(1)).build();
        let layer = ConcurrencyLayer::new(permits.clone()).refuse_with(silent());
        let service = layer.layer(slow(3));
        let mut first = Some(Box::pin(service.clone().oneshot(request())));
        let mut second = Some(Box::pin(run(service.clone())));
        for poll in 0..polls {
            // The first call ends midway, so that the second one is granted a
            // permit in one of its polls.
            if poll == polls / 2 {
                first = None;
            }
            if let Some(first) = &mut first
                && poll_once(first.as_mut()).is_ready()
            {
                break;
            }
            let is_done = second
                .as_mut()
                .is_some_and(|it| poll_once(it.as_mut()).is_ready());
            if is_done {
                second = None;
            }
        }
        drop((first, second));
        let usage = permits.usage();
        assert_eq!(
            (usage.in_flight, usage.queued()),
            (0, 0),
            "after {polls} polls"
        );
    }
}

/// Reads a response to its end.
async fn run<S>(service: S)
where
    S: Service<Request<()>, Error = Infallible>,
    S: Service<Request<()>, Response = Response<sluicegate::concurrency::ResponseBody<TestBody>>>,
{
    let response = service.oneshot(request()).await.unwrap();
    let _ = response.into_body().collect().await;
}

#[tokio::test]
async fn a_refusal_says_why_and_when_to_retry() {
    let permits = Local::builder(1).name("api").build();
    let layer = ConcurrencyLayer::new(permits)
        .retry_after(Duration::from_secs(10))
        .random(|| u64::MAX);
    let service = layer.clone().layer(service_fn(|_: Request<()>| {
        pending::<Result<Response<String>, Infallible>>()
    }));
    let mut held = Box::pin(service.clone().oneshot(request()));
    assert!(poll_once(held.as_mut()).is_pending());
    let refused = service.oneshot(request()).await.unwrap();
    assert_eq!(refused.status(), 503);
    // 1.2 times the setting, rounded up to whole milliseconds and seconds.
    assert_eq!(refused.headers()["retry-after"], "12");
    let refusal: &Refusal = refused.extensions().get().unwrap();
    assert_eq!(
        (refusal.reason(), refusal.limiter()),
        (Reason::Overloaded, Some("api"))
    );
    assert_eq!(refusal.shed_by(), Some(Shed::Full));
    let problem = refused.into_body().collect().await.unwrap().to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["detail"], "the server is overloaded, retry later");

    let least = layer.random(|| 0).retry_after(Duration::from_millis(1));
    let service =
        least.layer(answering(|_| whole("")).map_response(|_| Response::new(String::new())));
    let refused = service.oneshot(request()).await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
}

#[tokio::test]
async fn a_retry_is_forbidden_if_the_fleet_is_overloaded() {
    let layer = ConcurrencyLayer::new(Local::new(1)).forbid_retry(|shed| shed == Shed::Full);
    let service = layer.layer(service_fn(|_: Request<()>| {
        pending::<Result<Response<String>, Infallible>>()
    }));
    let mut held = Box::pin(service.clone().oneshot(request()));
    assert!(poll_once(held.as_mut()).is_pending());
    let refused = service.clone().oneshot(request()).await.unwrap();
    assert!(refused.headers().get("retry-after").is_none());
    assert_eq!(refused.headers()["x-sluicegate-retry"], "no");
    let advice = sluicegate::client::advice::retry_advice(refused.headers());
    assert_eq!(advice, Some(sluicegate::client::advice::RetryAdvice::Never));

    let mut call = request();
    let grpc = http::HeaderValue::from_static("application/grpc");
    call.headers_mut().insert("content-type", grpc);
    let refused = service.oneshot(call).await.unwrap();
    assert_eq!(refused.status(), 200);
    assert_eq!(refused.headers()["grpc-status"], "14");
    assert_eq!(refused.headers()["grpc-retry-pushback-ms"], "-1");
}

#[tokio::test]
async fn the_level_of_a_request_is_that_of_its_handler_and_its_body() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handler = service_fn({
        let seen = seen.clone();
        move |req: Request<()>| {
            let seen = seen.clone();
            seen.lock().unwrap().push(req.extensions().get().copied());
            async move {
                seen.lock().unwrap().push(criticality::current());
                let frames = futures_util::stream::poll_fn(move |_| {
                    seen.lock().unwrap().push(criticality::current());
                    Poll::Ready(None::<Result<Frame<Bytes>, Infallible>>)
                });
                Ok::<_, Infallible>(Response::new(StreamBody::new(frames).boxed_unsync()))
            }
        }
    });
    let service = ConcurrencyLayer::new(Local::new(1))
        .priority(Priority::header())
        .refuse_with(silent())
        .layer(handler);
    let mut req = request();
    Criticality::SheddablePlus.write(req.headers_mut());
    let response = service.clone().oneshot(req).await.unwrap();
    let _ = response.into_body().collect().await;
    assert_eq!(*seen.lock().unwrap(), [Some(Criticality::SheddablePlus); 3]);
    assert_eq!(criticality::current(), None);

    // Work for a request is never more important than the request.
    seen.lock().unwrap().clear();
    let mut call = request();
    Criticality::Critical.write(call.headers_mut());
    let call = criticality::scope(Criticality::Sheddable, service.oneshot(call));
    drop(call.await.unwrap());
    assert_eq!(*seen.lock().unwrap(), [Some(Criticality::Sheddable); 2]);
}

#[tokio::test]
async fn an_upgraded_connection_keeps_its_permit_until_the_guard_is_dropped() {
    for (method, status) in [(Method::GET, 101), (Method::CONNECT, 200)] {
        let permits = Local::new(1);
        let guards = Arc::new(Mutex::new(Vec::new()));
        let handler = answering({
            let guards = guards.clone();
            move |req| {
                guards
                    .lock()
                    .unwrap()
                    .push(req.extensions().get::<UpgradeGuard>().cloned());
                let mut response = whole("");
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                response
            }
        });
        let layer = ConcurrencyLayer::new(permits.clone()).refuse_with(silent());
        let mut req = request();
        *req.method_mut() = method;
        let counted = layer.clone().count_upgrades().layer(handler.clone());
        drop(counted.oneshot(req.clone()).await.unwrap());
        assert_eq!(permits.usage().in_flight, 1, "{status}");
        guards.lock().unwrap().clear();
        assert_eq!(permits.usage().in_flight, 0);

        let uncounted = layer.layer(handler);
        drop(uncounted.oneshot(req).await.unwrap());
        assert_eq!(permits.usage().in_flight, 0);
        assert!(guards.lock().unwrap()[0].is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn the_observer_sees_each_decision_once() {
    let counts = Arc::new(Counts::default());
    let permits = Local::builder(1).queue(Queue::new(1)).build();
    let layer = ConcurrencyLayer::new(permits)
        .exempt(|req: &Request<()>| req.uri().path() == "/healthz")
        .observe(counts.clone())
        .refuse_with(silent());
    let service = layer.clone().layer(answering(|_| endless()));
    let held = service.clone().oneshot(request()).await.unwrap();
    let waiting = tokio::spawn(service.clone().oneshot(request()));
    tokio::task::yield_now().await;
    assert_eq!(
        service.clone().oneshot(request()).await.unwrap().status(),
        503
    );
    let health = Request::get("/healthz").body(()).unwrap();
    drop(service.oneshot(health).await.unwrap());
    let shadow = layer.shadow(true).layer(answering(|_| endless()));
    drop(shadow.oneshot(request()).await.unwrap());
    drop(held);
    drop(waiting.await.unwrap().unwrap());

    let seen = counts.snapshot();
    let outcomes = EntryOutcome::all().filter(|outcome| seen.count(*outcome) > 0);
    let expected = [
        EntryOutcome::Admitted,
        EntryOutcome::Waited,
        EntryOutcome::Exempt,
        EntryOutcome::Shed(Shed::Full),
        EntryOutcome::Shadowed(Shed::Full),
    ];
    assert!(outcomes.eq(expected));
    assert!(expected.iter().all(|outcome| seen.count(*outcome) == 1));
}

/// Sends many refused requests of one tenant, and returns the cut-off after
/// them.
async fn cut_off_after_an_overload(
    layer: impl Layer<
        TestService,
        Service: Service<Request<()>, Error = Infallible, Response: Send> + Clone,
    >,
    permits: &impl Fn() -> Rank,
) -> Rank {
    let service = layer.layer(TestService);
    let mut held = Vec::new();
    for _ in 0..100 {
        tokio::time::advance(Duration::from_millis(100)).await;
        for cohort in 0..4 {
            let user = cohort.to_string();
            let req = Request::get("/")
                .header("x-user", user)
                .header("x-tenant", "ann");
            held.push(
                service
                    .clone()
                    .oneshot(req.body(()).unwrap())
                    .await
                    .unwrap(),
            );
        }
    }
    permits()
}

/// Answers with bodies that never end.
#[derive(Clone)]
struct TestService;

impl Service<Request<()>> for TestService {
    type Response = Response<TestBody>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(endless()))
    }
}

#[tokio::test(start_paused = true)]
async fn one_key_in_an_overload_moves_no_cut_off_for_the_others() {
    let priority = || Priority::header().principal(key::header("x-user"), Cohorts::salted([3; 16]));
    let direct = Local::new(1);
    let layer = ConcurrencyLayer::new(direct.clone()).priority(priority());
    let cut_off = || direct.usage().cut_off;
    let moved = cut_off_after_an_overload(layer.clone().refuse_with(silent()), &cut_off).await;
    assert!(moved > Rank::LOWEST);
    // Whatever the order of the settings.
    let layer = layer
        .cut_off(None)
        .priority(priority())
        .refuse_with(silent());
    direct.set_cut_off(Rank::LOWEST);
    let fixed = cut_off_after_an_overload(layer, &cut_off).await;
    assert_eq!(fixed, Rank::LOWEST);

    let keyed = Local::keyed(1);
    let layer = ConcurrencyLayer::new(keyed.clone()).refuse_with(silent());
    let cut_off = || keyed.usage().cut_off;
    let first = layer
        .clone()
        .key(key::header("x-tenant"))
        .priority(priority());
    assert_eq!(
        cut_off_after_an_overload(first, &cut_off).await,
        Rank::LOWEST
    );
    let second = layer.priority(priority()).key(key::header("x-tenant"));
    assert_eq!(
        cut_off_after_an_overload(second, &cut_off).await,
        Rank::LOWEST
    );
}
