//! Objectives of a service that fails, by a clock that is moved.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use sluicegate::{
    clock::Manual,
    red::{
        Burn, Events, Kind, Outcome, Red, RedLayer, Registry, Severity, Slo, SloReport, Template,
    },
};
use tower::{Layer, Service, ServiceExt, service_fn};

const MINUTE: Duration = Duration::from_secs(60);

/// A service that answers what it is asked to, and takes so long.
#[derive(Clone)]
struct Fixture {
    clock: Manual,
    metrics: Registry,
}

type Body = Empty<bytes::Bytes>;

impl Fixture {
    fn new(slos: impl IntoIterator<Item = (&'static str, Slo)>) -> Self {
        let clock = Manual::new();
        let builder = Registry::builder().clock(clock.clone());
        let add = |builder: sluicegate::red::Builder, (name, slo)| builder.slo(name, slo);
        let metrics = slos.into_iter().fold(builder, add).build();
        Self { clock, metrics }
    }

    fn service(
        &self,
    ) -> Red<impl Service<Request<()>, Response = Response<Body>, Error = Infallible>> {
        let clock = self.clock.clone();
        let service = service_fn(move |req: Request<()>| {
            let (status, took) = *req.extensions().get::<(StatusCode, Duration)>().unwrap();
            clock.advance(took);
            let mut response = Response::new(Empty::new());
            *response.status_mut() = status;
            async { Ok(response) }
        });
        RedLayer::server(&self.metrics).layer(service)
    }

    async fn ask(&self, route: &'static str, status: u16, took: Duration) {
        let mut req = Request::new(());
        req.extensions_mut().insert(Template(route));
        let status = StatusCode::from_u16(status).unwrap();
        req.extensions_mut().insert((status, took));
        let response = self.service().oneshot(req).await.unwrap();
        response.into_body().collect().await.unwrap();
    }

    /// One request a second, of which each `nth` fails.
    async fn go_on(&self, minutes: u64, nth: u64) {
        for second in 1..=minutes * 60 {
            let status = if second % nth == 0 { 500 } else { 200 };
            self.ask("/orders", status, Duration::ZERO).await;
            self.clock.advance(Duration::from_secs(1));
        }
    }

    fn slo(&self) -> SloReport {
        self.metrics.slos().remove(0)
    }

    fn burn(&self, name: &str) -> Burn {
        let burns = self.slo().burns;
        *burns.iter().find(|burn| burn.name() == name).unwrap()
    }

    /// The severity and the long window of the alert that fires.
    fn firing(&self) -> Vec<(Severity, String)> {
        let alerts = self.slo().alerts.into_iter();
        let firing = alerts.filter(|alert| alert.is_firing());
        firing
            .map(|alert| (alert.severity, alert.long.name()))
            .collect()
    }
}

fn availability() -> Fixture {
    Fixture::new([("answers", Slo::availability(0.999))])
}

#[tokio::test]
async fn an_outage_pages_and_its_end_ends_the_page() {
    let it = availability();
    it.go_on(6 * 60, u64::MAX).await;
    assert_eq!(it.firing(), []);
    assert_eq!(it.slo().budget.remaining(), 1.0);
    // One in fifty is a rate of 20: 14.4 of an hour is reached after 43.2 minutes.
    it.go_on(40, 50).await;
    assert_eq!(it.firing(), []);
    it.go_on(6, 50).await;
    assert_eq!(it.firing(), [(Severity::Page, "1h".into())]);
    assert!((it.burn("5m").rate - 20.0).abs() < 1.0);
    it.go_on(6, u64::MAX).await;
    assert_eq!(it.burn("5m").rate, 0.0);
    assert!(it.burn("1h").rate > 14.4);
    assert_eq!(it.firing(), []);
}

#[tokio::test]
async fn a_young_process_says_how_little_it_knows() {
    let it = availability();
    it.ask("/orders", 500, Duration::ZERO).await;
    it.clock.advance(Duration::from_secs(4));
    let burn = it.burn("1h");
    assert_eq!(burn.covered, Duration::from_secs(4));
    assert_eq!(burn.events, Events { good: 0, total: 1 });
    assert!((burn.rate - 1_000.0).abs() < 1e-9);
    assert_eq!(it.firing(), [], "one request is no outage");
    it.go_on(5, 1).await;
    let page = |window: &str| (Severity::Page, window.to_owned());
    let all = [page("1h"), page("6h"), (Severity::Ticket, "3d".into())];
    assert_eq!(it.firing(), all, "five minutes of failures are");
}

#[tokio::test]
async fn requests_that_begin_take_the_samples() {
    let it = availability();
    // Nothing reads in between.
    it.go_on(120, 10).await;
    it.go_on(30, u64::MAX).await;
    assert_eq!(it.burn("30m").events.bad(), 0);
    let hour = it.burn("1h");
    assert_eq!((hour.events.bad(), hour.covered.as_secs() / 60), (180, 60));
    assert_eq!(
        it.slo().events,
        Events {
            good: 9_000 - 720,
            total: 9_000
        }
    );
}

#[tokio::test]
async fn counts_from_before_a_pause_are_not_in_the_window_after_it() {
    let it = availability();
    it.go_on(1, 1).await;
    it.clock.advance(600 * MINUTE);
    it.ask("/orders", 200, Duration::ZERO).await;
    for (window, bad) in [("5m", 0), ("1h", 0), ("6h", 0), ("3d", 60)] {
        assert_eq!(it.burn(window).events.bad(), bad, "{window}");
    }
}

#[tokio::test]
async fn a_slow_answer_is_bad_and_a_fast_failure_does_not_count() {
    let quarter = Duration::from_millis(250);
    let it = Fixture::new([
        ("fast", Slo::latency(0.99, quarter).route("/orders")),
        ("answers", Slo::availability(0.999)),
    ]);
    it.ask("/orders", 200, quarter).await;
    it.ask("/orders", 200, quarter + Duration::from_micros(1))
        .await;
    it.ask("/orders", 500, Duration::ZERO).await;
    it.ask("/reports", 200, MINUTE).await;
    let events: Vec<_> = it
        .metrics
        .slos()
        .into_iter()
        .map(|slo| (slo.name, slo.events))
        .collect();
    let fast = Events { good: 1, total: 2 };
    let answers = Events { good: 3, total: 4 };
    assert_eq!(events, [("fast".into(), fast), ("answers".into(), answers)]);
}

#[tokio::test]
async fn a_snapshot_is_enough_to_count() {
    let slo = Slo::availability(0.999);
    let it = Fixture::new([]);
    it.go_on(1, 10).await;
    let snapshot = it.metrics.snapshot();
    assert_eq!(snapshot.count(Outcome::ServerError), 6);
    let events = slo.counts(&snapshot).unwrap();
    assert_eq!(
        events,
        Events {
            good: 54,
            total: 60
        }
    );
    let report = slo.report("fleet", events, |window| (events, window));
    assert!(
        report
            .firing()
            .is_some_and(|it| it.severity == Severity::Page)
    );
    assert_eq!(
        slo.kind(Kind::Call).counts(&snapshot).unwrap(),
        Events::default()
    );
}

#[test]
#[should_panic(
    expected = "invalid threshold 300ms of the slo \"fast\": must be a bound of the \
                           buckets, [5ms, 10ms,"
)]
fn a_threshold_between_two_bounds_is_refused() {
    let fast = Slo::latency(0.99, Duration::from_millis(300));
    let _ = Registry::builder().slo("fast", fast).build();
}

#[test]
#[should_panic(expected = "invalid slo name \"fast\": must be one that no other slo has")]
fn a_name_is_given_once() {
    let slo = || Slo::availability(0.9);
    let _ = Registry::builder().slo("fast", slo()).slo("fast", slo());
}

#[test]
#[should_panic(expected = "invalid objective 1: must be more than 0 and less than 1")]
fn an_objective_of_100_percent_is_invalid() {
    let _ = Slo::availability(1.0);
}

#[test]
#[should_panic(expected = "invalid period 86400s: must be 7 to 90 days")]
fn a_period_of_a_day_is_invalid() {
    let _ = Slo::availability(0.9).period(1_440 * MINUTE);
}
