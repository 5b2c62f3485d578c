//! Tests which events are logged.
//!
//! A binary of its own: where an event is met first on a thread that listens to
//! nothing, tracing may still believe so when another thread listens.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "it/support.rs"]
#[allow(dead_code, reason = "other tests need the rest")]
mod support;

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use sluicegate::{
    key::{self, ClientIp, Key},
    limit::RateLimitLayer,
};
use tower::Layer;
use tracing::{
    Level,
    field::{Field, Visit},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{layer::Context, prelude::*, registry::Registry};

use support::{Later, Probe, a_few, keyed, passing, request_with, send};

/// The events of this crate, each with its level and its fields as text.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<(Level, String)>>>);

impl Events {
    /// Events from now on, as long as the guard lives, on this thread.
    fn captured() -> (Self, DefaultGuard) {
        let events = Self::default();
        let subscriber = Registry::default().with(events.clone());
        (events, tracing::subscriber::set_default(subscriber))
    }

    fn all(&self) -> Vec<(Level, String)> {
        self.0.lock().unwrap().clone()
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Events {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        if !event.metadata().target().starts_with("sluicegate") {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let entry = (*event.metadata().level(), text.0);
        self.0.lock().unwrap().push(entry);
    }
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}

/// Sends one request more than the bucket of this key admits.
async fn refused_for(secret: &str, log_keys: bool) -> Vec<(Level, String)> {
    let (events, _guard) = Events::captured();
    let layer = RateLimitLayer::new(keyed(a_few(1))).key(key::header("x-api-key"));
    let layer = if log_keys { layer.log_keys() } else { layer };
    let mut service = layer.layer(Probe::new());
    for _ in 0..2 {
        send(&mut service, request_with("x-api-key", secret)).await;
    }
    events.all()
}

#[tokio::test]
async fn a_refusal_is_logged_without_its_key() {
    let events = refused_for("hunter2", false).await;
    let [(Level::INFO, text)] = &events[..] else {
        panic!("{events:?}");
    };
    assert!(text.contains("over the limit") && text.contains("limiter=\"default\""));
    assert!(text.contains("retry_after=60s"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_refusal_is_logged_with_its_key_where_that_is_wanted() {
    let events = refused_for("hunter2", true).await;
    assert!(
        events.len() == 1 && events[0].1.contains("hunter2"),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_flood_of_refusals_does_not_flood_the_log() {
    let (events, _guard) = Events::captured();
    let layer = RateLimitLayer::new(keyed(a_few(1))).key(key::header("x-api-key"));
    for clone in 0..10 {
        let mut service = layer.clone().layer(Probe::new());
        for request in 0..1_000 {
            let key = request_with("x-api-key", "same");
            let first = clone + request == 0;
            assert_eq!(send(&mut service, key).await.status() == 200, first);
        }
    }
    // Ten at once and one a second: whatever this takes, it is not thousands.
    let logged = events.all().len();
    assert!((10..500).contains(&logged), "{logged}");
}

#[tokio::test]
async fn a_limiter_that_fails_is_a_warning() {
    let (events, _guard) = Events::captured();
    let layer = RateLimitLayer::new(Later::failing_with("connection reset"));
    assert_eq!(passing(&mut layer.layer(Probe::new()), 1).await, 0);
    let events = events.all();
    assert_eq!((events.len(), events[0].0), (1, Level::WARN));
    assert!(events[0].1.contains("connection reset"), "{events:?}");
}

#[tokio::test]
async fn a_request_without_a_key_is_logged_and_what_passes_is_not() {
    let (events, _guard) = Events::captured();
    let layer = RateLimitLayer::new(keyed(a_few(1))).key(key::header("x-api-key"));
    let mut service = layer.layer(Probe::new());
    send(&mut service, request_with("x-api-key", "one")).await;
    assert!(events.all().is_empty());
    assert_eq!(passing(&mut service, 1).await, 0);
    assert!(
        events.all()[0]
            .1
            .contains("nothing to limit the request by")
    );
}

#[tokio::test]
async fn a_server_that_does_not_know_its_peers_is_warned_once() {
    let (events, _guard) = Events::captured();
    let refusing = RateLimitLayer::new(keyed(a_few(1))).key(ClientIp::peer());
    let lenient = refusing.clone().pass_without_key();
    for layer in [&refusing, &lenient, &refusing] {
        passing(&mut layer.layer(Probe::new()), 2).await;
    }
    let mut warnings = events.all();
    warnings.retain(|(level, _)| *level == Level::WARN);
    let [(_, text)] = &warnings[..] else {
        panic!("one warning, not {warnings:?}")
    };
    assert!(text.contains("limiter=\"default\""), "{text}");
    assert!(text.contains("the feature `axum`"), "{text}");
    assert!(
        text.contains("into_make_service_with_connect_info"),
        "{text}"
    );
}

#[test]
fn a_sign_of_a_proxy_is_logged_once_for_all_clones() {
    let (events, _guard) = Events::captured();
    let ask = |by: &ClientIp, name: &'static str, value: &str| {
        let mut request = request_with(name, value);
        request.extensions_mut().insert(IpAddr::from([10, 0, 0, 1]));
        assert!(by.key(&request).is_some());
    };
    let by = ClientIp::peer();
    ask(&by, "accept", "*/*");
    assert_eq!(events.all(), []);
    // A proxy writes its header into each request, and one of 31 is looked at.
    for _ in 0..31 {
        ask(&by, "x-real-ip", "192.0.2.1");
    }
    let told = ClientIp::forwarded_for(["10.0.0.0/8"]).unwrap();
    for _ in 0..31 {
        ask(&by.clone(), "forwarded", "for=192.0.2.1");
        ask(&told, "x-forwarded-for", "192.0.2.1");
    }

    let spoken = events.all();
    let [(level, text)] = &spoken[..] else {
        panic!("one event, not {spoken:?}")
    };
    assert_eq!(*level, Level::WARN);
    assert!(text.contains("header=x-real-ip"), "{text}");
    assert!(text.contains("ClientIp::forwarded_for"), "{text}");
}
