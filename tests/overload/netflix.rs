//! The scenario of Netflix's "Enhancing Netflix Reliability with Service-Level
//! Prioritized Load Shedding" (2024): a service that can do 1,000 requests a
//! second gets 300 critical ones and 300 of a prefetch. For 60 seconds it takes
//! three times as long, so that it can do 333, and clients prefetch 3,600 times
//! a second.

use std::{convert::Infallible, ops::Range, rc::Rc, time::Duration};

use http::{Request, Response};
use sluicegate::{
    concurrency::{Adaptive, Cohorts, ConcurrencyLayer, Local, Prioritize, Priority, Queue},
    criticality::Criticality,
    key,
};
use tower::{Layer, ServiceExt, service_fn};

use super::sim::{Arrival, Class, Outcome, Report, Service, run};

const CRITICAL: usize = 0;
const SLOW: Range<u64> = 30..90;
const SECONDS: u64 = 120;

/// The requests of both classes.
fn classes() -> [Class; 2] {
    let is_slow = |now: f64| SLOW.contains(&(now as u64));
    [
        Class::new(Criticality::Critical, |_| 300.0),
        Class::new(Criticality::Sheddable, move |now| match is_slow(now) {
            true => 3_600.0,
            false => 300.0,
        }),
    ]
}

/// 50 workers, which take 50 ms, or 150 ms.
fn service() -> Rc<Service> {
    Service::new(50, |now| match SLOW.contains(&(now as u64)) {
        true => 0.15,
        false => 0.05,
    })
}

fn request(arrival: Arrival) -> Request<()> {
    let mut req = Request::new(());
    arrival.level.write(req.headers_mut());
    req.extensions_mut().insert(User(arrival.user));
    req
}

#[derive(Clone, Copy, Debug, Hash)]
struct User(u64);

impl key::StoreKey for User {
    fn encode(&self, out: &mut key::EncodedKey) {
        self.0.encode(out);
    }
}

/// The service of the scenario, as tower sees it.
fn handler()
-> impl tower::Service<Request<()>, Response = Response<String>, Error = Infallible, Future: 'static>
+ Clone
+ 'static {
    let service = service();
    service_fn(move |_: Request<()>| {
        let service = service.clone();
        async move {
            service.work().await;
            Ok(Response::new(String::new()))
        }
    })
}

/// Sends the requests of the scenario through a layer around its service, except
/// for those that `is_sent` leaves out.
async fn simulate<S, B>(
    service: S,
    seconds: u64,
    limit: impl Fn() -> u32,
    is_sent: impl Fn(&Arrival) -> bool,
) -> Report
where
    S: tower::Service<Request<()>, Response = Response<B>, Error = Infallible> + Clone + 'static,
{
    let handle = |arrival| {
        let (service, is_sent) = (service.clone(), is_sent(&arrival));
        async move {
            if !is_sent {
                return Outcome::Refused;
            }
            let response = service.oneshot(request(arrival)).await.unwrap();
            match response.status().is_success() {
                true => Outcome::Served,
                false => Outcome::Refused,
            }
        }
    };
    run(&classes(), seconds, limit, handle).await
}

fn queue() -> Queue {
    Queue::new(50).max_wait(Duration::from_millis(500))
}

/// Critical requests come first, and users take turns in being shed.
fn priority() -> impl Prioritize<Request<()>> + Clone {
    let cohorts = Cohorts::clocked([7; 16], sluicegate::clock::Manual::new());
    Priority::header().principal(key::extension::<User>(), cohorts)
}

/// Checks the targets: critical requests, the goodput against this optimum, and
/// the recovery.
fn assert_targets(report: &Report, optimum: u64) {
    let critical = report.of(CRITICAL, 0..SECONDS).good_share();
    let goodput = report.all(SLOW).good as f64 / optimum as f64;
    let recovered = report.all(SLOW.end + 10..SECONDS).good_share();
    println!("critical {critical:.5}, goodput {goodput:.3} of the optimum, then {recovered:.5}");
    assert!(critical >= 0.999, "{critical}");
    assert!(goodput >= 0.95, "{goodput}");
    assert!(recovered >= 0.999, "{recovered}");
}

/// The most that 50 workers can do in the overload at 150 ms each; no limit and
/// no cut-off can serve more.
const BOUND: u64 = 50 * 60 * 1_000 / 150;

/// Returns the most requests that a fixed limit with a fixed cut-off serves in
/// time during the overload, of those that serve the critical ones. With
/// `SLUICEGATE_SEARCH=long`, searches for it; otherwise the [bound](BOUND).
async fn optimum() -> u64 {
    if std::env::var("SLUICEGATE_SEARCH").as_deref() != Ok("long") {
        return BOUND;
    }
    let mut best = 0;
    for limit in [45, 50, 55, 60] {
        for percent in [0, 2, 5, 10, 100] {
            let permits = Local::builder(limit).queue(queue()).build();
            let layer = ConcurrencyLayer::new(permits)
                .priority(priority())
                .cut_off(None);
            let is_sent =
                move |arrival: &Arrival| arrival.class == CRITICAL || arrival.user % 100 < percent;
            let report = simulate(layer.layer(handler()), SLOW.end, || limit, is_sent).await;
            let critical = report.of(CRITICAL, SLOW).good_share();
            let good = report.all(SLOW).good;
            println!("limit {limit}, {percent} %: critical {critical:.5}, good {good}");
            if critical >= 0.999 {
                best = best.max(good);
            }
        }
    }
    best
}

#[tokio::test(start_paused = true)]
async fn a_fixed_limit_serves_the_critical_requests_and_wastes_nothing() {
    let permits = Local::builder(50).queue(queue()).build();
    let layer = ConcurrencyLayer::new(permits).priority(priority());
    let report = simulate(layer.layer(handler()), SECONDS, || 50, |_| true).await;
    assert_targets(&report, optimum().await);
}

#[tokio::test(start_paused = true)]
async fn a_gradient_serves_the_critical_requests_and_wastes_nothing() {
    let permits = Local::builder(20)
        .queue(queue())
        .build_adaptive(Adaptive::gradient());
    let layer = ConcurrencyLayer::new(permits.clone()).priority(priority());
    let limit = move || permits.load().limit;
    let report = simulate(layer.layer(handler()), SECONDS, limit, |_| true).await;
    println!("{:?}", report.limits);
    assert_targets(&report, optimum().await);
}
