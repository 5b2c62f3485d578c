//! An exporter gets each request.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Response};
use sluicegate::{
    clock::Manual,
    red::{Export, Labels, Metric, RedCallLayer, RedLayer, Registry},
};
use tower::{Layer, ServiceExt, service_fn};

use super::support::ask;

/// The requests of each label set, and how often the exporter was asked for it.
#[derive(Clone, Debug, Default)]
struct Notes(Arc<Mutex<BTreeMap<String, Note>>>);

#[derive(Clone, Debug, Default, PartialEq)]
struct Note {
    asked: u32,
    durations: Vec<Duration>,
    active: i64,
}

impl Notes {
    fn ask(&self, metric: &Metric<'_>) -> impl Fn(&dyn Fn(&mut Note)) + use<> {
        let values = metric.attributes().map(|(_, value)| format!(" {value}"));
        let name = metric.name().to_owned() + &values.collect::<String>();
        let notes = self.0.clone();
        let note = move |write: &dyn Fn(&mut Note)| {
            write(notes.lock().unwrap().entry(name.clone()).or_default())
        };
        note(&|it| it.asked += 1);
        note
    }

    fn of(&self, name: &str) -> Note {
        self.0.lock().unwrap()[name].clone()
    }
}

impl Export for Notes {
    fn durations(&self, metric: &Metric<'_>) -> Box<dyn Fn(Duration) + Send + Sync> {
        assert_eq!((metric.unit(), metric.buckets().count()), ("s", 14));
        let note = self.ask(metric);
        Box::new(move |took| note(&|it| it.durations.push(took)))
    }

    fn active(&self, metric: &Metric<'_>) -> Box<dyn Fn(i64) + Send + Sync> {
        assert_eq!((&metric.unit()[..1], metric.buckets().count()), ("{", 0));
        let note = self.ask(metric);
        Box::new(move |by| note(&|it| it.active += by))
    }
}

/// Twice, so that it is seen that both are told.
fn metrics(notes: &Notes, max_series: usize, clock: &Manual) -> Registry {
    let builder = Registry::builder()
        .max_series(max_series)
        .clock(clock.clone());
    builder
        .export(notes.clone())
        .export(Notes::default())
        .build()
}

async fn call(name: &str, metrics: &Registry, clock: &Manual, fails: bool) {
    let took = Duration::from_millis(7);
    let service = service_fn(async |()| {
        clock.advance(took);
        if fails { Err("no") } else { Ok("yes") }
    });
    let service = RedCallLayer::new(name, metrics).layer(service);
    assert_eq!(service.oneshot(()).await.is_err(), fails);
}

#[tokio::test]
async fn each_request_is_told_of_and_label_sets_are_asked_for_once() {
    let (notes, clock) = (Notes::default(), Manual::new());
    let metrics = metrics(&notes, 10, &clock);
    for fails in [false, true, false, false] {
        call("resize", &metrics, &clock, fails).await;
    }
    let note = |asked, times| Note {
        asked,
        durations: vec![Duration::from_millis(7); times],
        active: 0,
    };
    assert_eq!(notes.of("sluicegate.call.duration resize ok"), note(1, 3));
    let failed = "sluicegate.call.duration resize _OTHER server_error";
    assert_eq!(notes.of(failed), note(1, 1));
    assert_eq!(notes.of("sluicegate.active_calls resize"), note(1, 0));
    assert_eq!(notes.0.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_begun_request_is_active_until_it_is_dropped() {
    let (notes, clock) = (Notes::default(), Manual::new());
    let metrics = metrics(&notes, 10, &clock);
    let service = service_fn(|()| pending::<Result<(), ()>>());
    let running = RedCallLayer::new("job", &metrics)
        .layer(service)
        .oneshot(());
    let mut running = Box::pin(running);
    assert!(futures_util::poll!(&mut running).is_pending());
    assert_eq!(notes.of("sluicegate.active_calls job").active, 1);
    drop(running);
    assert_eq!(notes.of("sluicegate.active_calls job").active, 0);
    let cancelled = "sluicegate.call.duration job dropped_before_head cancelled";
    assert_eq!(notes.of(cancelled).durations.len(), 1);
}

#[tokio::test]
async fn a_request_without_a_series_is_not_active_after_its_end() {
    let (notes, clock) = (Notes::default(), Manual::new());
    let metrics = metrics(&notes, 1, &clock);
    // Room for the one that succeeds, none for the failure, none for the other name.
    for (name, fails) in [("one", false), ("one", true), ("two", false), ("two", true)] {
        call(name, &metrics, &clock, fails).await;
    }
    for active in [
        "sluicegate.active_calls one",
        "sluicegate.active_calls _overflow",
    ] {
        assert_eq!(notes.of(active).active, 0, "{active}");
    }
    let beyond = "sluicegate.call.duration _overflow";
    assert_eq!(notes.of(&format!("{beyond} ok")).durations.len(), 1);
    let failed = notes.of(&format!("{beyond} _OTHER server_error"));
    assert_eq!((failed.asked, failed.durations.len()), (1, 2));
}

#[tokio::test]
async fn a_request_without_a_series_has_no_status() {
    let (notes, clock) = (Notes::default(), Manual::new());
    let metrics = metrics(&notes, 1, &clock);
    call("one", &metrics, &clock, false).await;
    for _ in 0..2 {
        ask(&metrics, &clock, Duration::from_millis(7));
    }
    let beyond = metrics.snapshot().route(Labels::OVERFLOW);
    let [(_, failed)] = beyond.completions().collect::<Vec<_>>()[..] else {
        panic!("{beyond:?}");
    };
    assert_eq!((failed.status(), failed.durations.count()), (None, 2));
    let told = notes.of("http.server.request.duration _OTHER _overflow http server_error");
    assert_eq!((told.asked, told.durations.len()), (1, 2));
}

/// All names of one kind of requests.
#[derive(Clone, Debug, Default)]
struct Names(Arc<Mutex<Vec<String>>>);

impl Names {
    fn note(&self, metric: &Metric<'_>) {
        let attributes = metric.attributes();
        let attributes = attributes.map(|(name, value)| format!(" {name}={value}"));
        let line = metric.name().to_owned() + &attributes.collect::<String>();
        self.0.lock().unwrap().push(line);
    }
}

impl Export for Names {
    fn durations(&self, metric: &Metric<'_>) -> Box<dyn Fn(Duration) + Send + Sync> {
        self.note(metric);
        Box::new(|_| ())
    }

    fn active(&self, metric: &Metric<'_>) -> Box<dyn Fn(i64) + Send + Sync> {
        self.note(metric);
        Box::new(|_| ())
    }
}

#[tokio::test]
async fn sent_requests_are_told_apart_by_their_host() {
    let names = Names::default();
    let metrics = Registry::builder().export(names.clone()).build();
    let service = service_fn(async |_: Request<String>| {
        Ok::<_, ()>(Response::builder().status(404).body(String::new()).unwrap())
    });
    let service = RedLayer::client(&metrics).layer(service);
    let req = Request::get("http://ann:secret@[::1]:8080/users/7");
    service
        .oneshot(req.body(String::new()).unwrap())
        .await
        .unwrap();
    let labels = "http.request.method=GET server.address=::1 server.port=8080";
    assert_eq!(
        *names.0.lock().unwrap(),
        [
            format!("http.client.response.head.duration {labels}"),
            format!("http.client.active_requests {labels}"),
            format!(
                "http.client.request.duration {labels} http.response.status_code=404 \
             error.type=404 outcome=client_error"
            ),
        ]
    );
}
