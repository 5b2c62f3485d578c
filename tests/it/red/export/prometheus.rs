//! Tests of the export to Prometheus.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    response::sse::{Event, Sse},
    routing::get,
};
use futures_util::stream;
use http::{
    HeaderMap, Request, Response,
    header::{ACCEPT, CONTENT_TYPE},
};
use http_body_util::BodyExt;
use sluicegate::{
    clock::Manual,
    red::{Methods, RedCallLayer, RedLayer, Registry, Template, TraceId, prometheus::scrape},
};
use tower::{Layer, ServiceExt, service_fn};

use super::promtool::check;

const OPEN: &str = "application/openmetrics-text";

fn app(metrics: &Registry, clock: &Manual) -> Router {
    let clock = clock.clone();
    let order = async move || {
        clock.advance(Duration::from_millis(7));
        "an order"
    };
    let event = || Event::default().data("shipped");
    let events = async move || Sse::new(stream::iter([Ok::<_, axum::Error>(event())]));
    Router::new()
        .route("/orders/{id}", get(order))
        .route("/events", get(events))
        .layer(RedLayer::server(metrics))
        .route("/metrics", scrape(metrics))
}

fn req(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let req = headers
        .iter()
        .fold(Request::get(path), |req, (name, value)| {
            req.header(*name, *value)
        });
    req.body(Body::empty()).unwrap()
}

async fn answer(app: &Router, req: Request<Body>) -> (HeaderMap, String) {
    let (head, body) = app.clone().oneshot(req).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.headers, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn a_whole_answer() {
    let clock = Manual::new();
    let builder = Registry::builder().clock(clock.clone());
    let builder = builder.buckets([5, 250].map(Duration::from_millis));
    let metrics = builder.stream_buckets([Duration::from_secs(60)]).build();
    let app = app(&metrics, &clock);
    for path in ["/orders/7", "/orders/8", "/wp-login.php", "/events"] {
        answer(&app, req(path, &[])).await;
    }
    let unfinished = app.clone().oneshot(req("/orders/9", &[])).await;
    assert_eq!(metrics.prometheus(), include_str!("whole.txt"));
    drop(unfinished);
}

#[tokio::test]
async fn a_scrape_is_answered_as_it_asks() {
    let metrics = Registry::new();
    let app = app(&metrics, &Manual::new());
    answer(&app, req("/orders/7", &[])).await;
    let text = "text/plain; version=0.0.4; charset=utf-8";
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    for (accept, content_type) in [(None, text), (Some("*/*"), text), (Some(OPEN), open)] {
        let accept = accept.map(|accept| (ACCEPT.as_str(), accept));
        let request = req("/metrics", accept.as_slice());
        let expected = metrics.prometheus_for(request.headers());
        let (headers, body) = answer(&app, request).await;
        assert_eq!(headers[CONTENT_TYPE], content_type);
        assert_eq!((content_type, body), expected);
    }
    let classic = metrics.prometheus_for(&HeaderMap::new()).1;
    let open = metrics.prometheus();
    let is_open_only = |line: &&str| line.starts_with("# UNIT ") || *line == "# EOF";
    assert_eq!(open.lines().filter(is_open_only).count(), 3);
    let shared = open.lines().filter(|line| !is_open_only(line));
    assert!(classic.lines().eq(shared));
}

const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const NOT_SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-00";

/// The lines with an exemplar, without its time.
fn exemplars(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.split_once(" # "));
    let lines = lines.map(|(sample, exemplar)| {
        let (exemplar, at) = exemplar.rsplit_once(' ').unwrap();
        assert!(at.parse::<f64>().unwrap() > 1.7e9, "{at}");
        let le = sample.split('"').nth(1).unwrap();
        format!("{le} {exemplar}")
    });
    lines.collect()
}

#[tokio::test]
async fn exemplars_are_of_sampled_traces_and_only_in_openmetrics() {
    let clock = Manual::new();
    let builder = Registry::builder().clock(clock.clone());
    let metrics = builder.exemplars(TraceId::from_traceparent).build();
    let app = app(&metrics, &clock);
    for value in [SAMPLED, NOT_SAMPLED, "garbage"] {
        answer(&app, req("/orders/7", &[("traceparent", value)])).await;
    }
    let expected = r#"0.01 {trace_id="0af7651916cd43dd8448eb211c80319c"} 0.007"#;
    assert_eq!(exemplars(&metrics.prometheus()), [expected]);
    let classic = metrics.prometheus_for(&HeaderMap::new()).1;
    assert!(
        classic
            .lines()
            .all(|line| line.starts_with("# ") || !line.contains('#'))
    );

    let snapshot = metrics.snapshot();
    let (_, completion) = snapshot.completions().next().unwrap();
    let [(took, trace)] = completion.exemplars().collect::<Vec<_>>()[..] else {
        panic!("{completion:?}");
    };
    assert_eq!(took, Duration::from_millis(7));
    assert!(SAMPLED.contains(&trace.to_string()));
}

#[tokio::test]
async fn exemplars_have_to_be_asked_for() {
    let metrics = Registry::new();
    let app = app(&metrics, &Manual::new());
    answer(&app, req("/orders/7", &[("traceparent", SAMPLED)])).await;
    assert_eq!(exemplars(&metrics.prometheus()), [""; 0]);
}

#[tokio::test]
async fn a_collector_among_others_has_the_same_samples() {
    let metrics = Registry::new();
    call("resize", &metrics).await;
    let mut all = prometheus_client::registry::Registry::with_prefix("app");
    all.register_collector(Box::new(metrics.clone()));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &all).unwrap();
    let alone = metrics
        .prometheus()
        .replace("sluicegate_", "app_sluicegate_");
    assert_eq!(text, alone);
}

async fn call(name: &str, metrics: &Registry) {
    let service = service_fn(async |()| Ok::<_, ()>(()));
    let service = RedCallLayer::new(name, metrics).layer(service);
    service.oneshot(()).await.unwrap();
}

#[tokio::test]
async fn labels_are_escaped() {
    let metrics = Registry::new();
    call("a\"b\\c\nd{e=\"f\"} 7 # {", &metrics).await;
    let open = metrics.prometheus();
    let label = r#"{call="a\"b\\c\nd{e=\"f\"} 7 # {",outcome="ok"} 1"#;
    assert!(open.contains(&format!("_count{label}\n")), "{open}");
    check(&metrics);
}

/// All kinds of series that there are.
async fn all_kinds() -> Registry {
    let clock = Manual::new();
    let methods = Methods::new()
        .unary("pkg.Orders/Get")
        .streaming("pkg.Orders/Watch");
    let builder = Registry::builder().max_series(40).clock(clock.clone());
    let metrics = builder
        .methods(methods)
        .exemplars(TraceId::from_traceparent)
        .build();
    metrics.preregister(&http::Method::GET, "/orders/{id}", [http::StatusCode::OK]);
    metrics.preregister_methods();
    for _ in 0..2 {
        let app = app(&metrics, &clock);
        for path in ["/orders/7", "/wp-login.php", "/events"] {
            answer(&app, req(path, &[("traceparent", SAMPLED)])).await;
        }
        for server in [true, false] {
            for path in [
                "/pkg.Orders/Get",
                "/pkg.Orders/Watch",
                "/pkg.Orders/Drop",
                "/users/7",
                "/events",
            ] {
                ask(&metrics, server, path).await;
            }
        }
        call("resize", &metrics).await;
    }
    // More than there is room for.
    for n in 0..50 {
        call(&format!("job {n}"), &metrics).await;
    }
    metrics
}

async fn ask(metrics: &Registry, server: bool, path: &str) {
    let service = service_fn(async |req: Request<String>| {
        let response = Response::builder().header("grpc-status", "13");
        let events = req.uri().path() == "/events";
        let of_type = if events {
            "text/event-stream"
        } else {
            "text/plain"
        };
        let response = response.header(CONTENT_TYPE, of_type);
        Ok::<_, ()>(response.body(String::new()).unwrap())
    });
    let layer = if server {
        RedLayer::server
    } else {
        RedLayer::client
    }(metrics);
    let mut req = Request::post(format!("http://[::1]:8080{path}"));
    if path.starts_with("/pkg") {
        req = req.header(CONTENT_TYPE, "application/grpc");
    }
    let req = req.extension(Template("/users/{id}")).body(String::new());
    layer.layer(service).oneshot(req.unwrap()).await.unwrap();
}

#[tokio::test]
async fn promtool_finds_nothing_wrong() {
    let metrics = all_kinds().await;
    let open = metrics.prometheus();
    let families = open.lines().filter(|line| line.starts_with("# TYPE "));
    let families: Vec<_> = families.collect();
    assert_eq!(families.len(), 19, "{families:#?}");
    assert!(metrics.snapshot().overflowed > 0);
    check(&metrics);
}
