//! A limit that each caller has for itself: its refusals are the caller's, and
//! say nothing about the server.

use std::{
    convert::Infallible,
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{Router, routing::get};
use http::{Request, Response};
use http_body_util::BodyExt;
use sluicegate::{
    client::advice::{RetryAdvice, retry_advice},
    concurrency::{
        Adaptive, Algorithm, ConcurrencyLayer, CutOff, Keyed, Local, Queue, Rank, Sample, Shed,
    },
    criticality::Criticality,
    key::{self, Header},
    red::{Cause, Outcome, RedLayer, Registry},
    refusal::{Reason, Refusal},
};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::layer_http::{read_until, send, serve};

type TenantLayer = ConcurrencyLayer<Local<Keyed>, Header>;

/// One request at a time for each tenant.
fn of_tenants(permits: &Local<Keyed>) -> TenantLayer {
    ConcurrencyLayer::new(permits.clone())
        .key(key::header("x-tenant"))
        .limit_of_caller()
}

fn of_tenant(name: &str) -> Request<()> {
    let request = Request::builder().header("x-tenant", name);
    request.body(()).unwrap()
}

/// A service that never answers.
fn endless()
-> impl Service<Request<()>, Response = Response<String>, Error = Infallible, Future: Send> + Clone
{
    service_fn(|_: Request<()>| pending::<Result<Response<String>, Infallible>>())
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Returns the response to a tenant whose only permit is in flight.
async fn refused(layer: TenantLayer, request: Request<()>) -> Response<String> {
    let service = layer.layer(endless());
    let mut held = Box::pin(service.clone().oneshot(of_tenant("ann")));
    assert!(poll_once(held.as_mut()).is_pending());
    let (head, body) = service.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, String::from_utf8(body.to_vec()).unwrap())
}

fn shed<B>(response: &Response<B>) -> (Reason, Option<Shed>) {
    let refusal: &Refusal = response.extensions().get().unwrap();
    (refusal.reason(), refusal.shed_by())
}

#[tokio::test]
async fn a_tenant_with_all_its_permits_in_flight_gets_429_and_counts_as_an_error_of_the_client() {
    let permits = Local::keyed(1);
    let registry = Registry::new();
    let router = Router::new()
        .route("/hangs", get(pending::<()>))
        .layer(of_tenants(&permits))
        .layer(RedLayer::server(&registry));
    let address = serve(router).await;
    let of = |tenant: &str| format!("GET /hangs HTTP/1.1\r\nx-tenant: {tenant}\r\nx:");
    let in_flight = async |count| {
        while permits.usage().in_flight != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let _first = send(address, &of("ann")).await;
    in_flight(1).await;
    let refused = read_until(&mut send(address, &of("ann")).await, "}").await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains("retry-after: "), "{refused}");
    assert!(
        refused.contains("http-problem-types#quota-exceeded"),
        "{refused}"
    );
    assert!(
        refused.contains(r#""violated-policies":["default"]"#),
        "{refused}"
    );
    // Another tenant has permits of its own.
    let _other = send(address, &of("bob")).await;
    in_flight(2).await;

    let seen = registry.snapshot();
    let ended: Vec<_> = seen
        .completions()
        .map(|(_, it)| (it.outcome(), it.cause()))
        .collect();
    assert_eq!(ended, [(Outcome::ClientError, Cause::OverLimit)]);
}

#[tokio::test]
async fn clients_are_told_when_to_come_back_or_that_they_must_not() {
    let permits = Local::keyed(1);
    let layer = of_tenants(&permits).random(|| 0);
    let response = refused(layer, of_tenant("ann")).await;
    assert_eq!(response.status(), 429);
    assert_eq!(shed(&response), (Reason::OverLimit, Some(Shed::Full)));
    let after = Some(RetryAdvice::After(Duration::from_secs(1)));
    assert_eq!(retry_advice(response.headers()), after);
    let detail = r#""detail":"over the limit `default`, retry after 800 ms""#;
    assert!(response.body().contains(detail), "{}", response.body());

    let never = of_tenants(&Local::keyed(1)).forbid_retry(|_| true);
    let response = refused(never.clone(), of_tenant("ann")).await;
    assert_eq!(retry_advice(response.headers()), Some(RetryAdvice::Never));
    let detail = r#""detail":"over the limit `default`, do not retry""#;
    assert!(response.body().contains(detail), "{}", response.body());

    let mut call = of_tenant("ann");
    let grpc = http::HeaderValue::from_static("application/grpc");
    call.headers_mut().insert("content-type", grpc);
    let response = refused(of_tenants(&Local::keyed(1)).forbid_retry(|_| true), call).await;
    assert_eq!(response.headers()["grpc-status"], "8");
    assert_eq!(retry_advice(response.headers()), Some(RetryAdvice::Never));
}

#[tokio::test(start_paused = true)]
async fn a_wait_in_vain_is_the_callers_and_the_cut_off_the_servers() {
    let queue = Queue::new(1).max_wait(Duration::from_millis(10));
    let waits = Local::builder(1).queue(queue).build_keyed();
    let response = refused(of_tenants(&waits), of_tenant("ann")).await;
    assert_eq!(response.status(), 429);
    assert_eq!(shed(&response), (Reason::OverLimit, Some(Shed::TimedOut)));

    let permits = Local::keyed(1);
    permits.set_cut_off(Rank::new(Criticality::CriticalPlus, 0));
    let service = of_tenants(&permits).layer(endless());
    let response = service.oneshot(of_tenant("ann")).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(shed(&response), (Reason::Overloaded, Some(Shed::CutOff)));
}

/// Refuses many requests of one tenant in each of some windows. Returns whether
/// the cut-off moved.
async fn moves_cut_off(permits: Local<Keyed>, layer: TenantLayer) -> bool {
    let service = layer.cut_off(CutOff::new()).layer(endless());
    let mut held = Box::pin(service.clone().oneshot(of_tenant("ann")));
    assert!(poll_once(held.as_mut()).is_pending());
    let mut has_moved = false;
    for nth in 0..10_000_u32 {
        // Of two levels, because the highest with requests is never shed.
        let levels = [Criticality::Sheddable, Criticality::Critical];
        let level = levels[nth as usize % 2];
        let call = service.clone().oneshot(of_tenant("ann"));
        let call = sluicegate::criticality::scope(level, call);
        drop(call.await);
        has_moved |= permits.usage().cut_off > Rank::LOWEST;
    }
    has_moved
}

#[tokio::test(start_paused = true)]
async fn the_cut_off_does_not_move_by_refusals_that_are_the_callers() {
    let permits = Local::keyed(1);
    assert!(!moves_cut_off(permits.clone(), of_tenants(&permits)).await);
    let permits = Local::keyed(1);
    let servers = ConcurrencyLayer::new(permits.clone()).key(key::header("x-tenant"));
    assert!(moves_cut_off(permits, servers).await);
}

/// Keeps the limit, and the samples.
#[derive(Clone, Debug, Default)]
struct Record(Arc<Mutex<Vec<Sample>>>);

impl Algorithm for Record {
    fn next(&mut self, limit: f64, sample: &Sample) -> f64 {
        self.0.lock().unwrap().push(*sample);
        limit
    }
}

/// Returns how many overloads an adaptive limit around this layer learns of.
async fn overloads(layer: TenantLayer) -> usize {
    let record = Record::default();
    let adaptive = Adaptive::by(record.clone()).window(Duration::from_millis(1));
    let service = ConcurrencyLayer::new(Local::adaptive(adaptive)).layer(layer.layer(endless()));
    let mut held = Box::pin(service.clone().oneshot(of_tenant("ann")));
    assert!(poll_once(held.as_mut()).is_pending());
    for _ in 0..40 {
        tokio::time::advance(Duration::from_millis(1)).await;
        let refused = service.clone().oneshot(of_tenant("ann")).await.unwrap();
        refused.into_body().collect().await.unwrap();
    }
    let samples = record.0.lock().unwrap();
    samples.iter().filter(|it| it.is_overloaded).count()
}

#[tokio::test(start_paused = true)]
async fn an_adaptive_limit_learns_nothing_from_a_limit_of_the_caller() {
    assert_eq!(overloads(of_tenants(&Local::keyed(1))).await, 0);
    let servers = ConcurrencyLayer::new(Local::keyed(1)).key(key::header("x-tenant"));
    assert!(overloads(servers).await > 0);
}
