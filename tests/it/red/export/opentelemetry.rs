//! Tests of the export to OpenTelemetry, and of its traces.

use std::time::Duration;

use ::opentelemetry::{
    Context, KeyValue, Value,
    metrics::MeterProvider,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use futures_util::FutureExt;
use http::{HeaderMap, Request, Response};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, SdkMeterProvider,
    data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics},
};
use sluicegate::{
    clock::Manual,
    red::{self, Conventions, RedLayer, Registry, opentelemetry},
};
use tower::{Layer, ServiceExt, service_fn};

use super::support::ask;

#[test]
fn instruments_are_told_of_each_request() {
    let (exporter, clock) = (InMemoryMetricExporter::default(), Manual::new());
    let provider = SdkMeterProvider::builder()
        .with_periodic_exporter(exporter.clone())
        .build();
    let builder = Registry::builder().clock(clock.clone());
    let builder = builder.buckets([5, 300].map(Duration::from_millis));
    let ours = opentelemetry::Exporter::new(provider.meter("sluicegate"));
    let metrics = builder.export(ours).build();
    ask(&metrics, &clock, Duration::from_millis(250));
    ask(&metrics, &clock, Duration::from_millis(500));
    provider.force_flush().unwrap();
    let told = exporter.get_finished_metrics().unwrap();

    let duration = named(&told, "http.server.request.duration");
    assert_eq!(duration.unit(), "s");
    let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = duration.data() else {
        panic!("{duration:?}");
    };
    let [point] = histogram.data_points().collect::<Vec<_>>()[..] else {
        panic!("{histogram:?}");
    };
    let counts: Vec<_> = point.bucket_counts().collect();
    assert_eq!((point.sum(), counts), (0.75, vec![0, 1, 1]));
    let mut expected = vec![
        KeyValue::new("http.response.status_code", 500),
        KeyValue::new("error.type", "500"),
        KeyValue::new("outcome", "server_error"),
    ];
    expected.extend(of_series());
    assert_eq!(sorted(point.attributes()), sorted(&expected));

    let active = named(&told, "http.server.active_requests");
    assert_eq!(active.unit(), "{request}");
    let AggregatedMetrics::I64(MetricData::Sum(sum)) = active.data() else {
        panic!("{active:?}");
    };
    let [point] = sum.data_points().collect::<Vec<_>>()[..] else {
        panic!("{sum:?}");
    };
    assert_eq!((point.value(), sum.is_monotonic()), (0, false));
    assert_eq!(sorted(point.attributes()), sorted(&of_series()));
}

#[test]
fn the_status_of_grpc_is_named_by_the_version_of_the_conventions() {
    for (version, name) in [
        (Conventions::V1_44, "rpc.response.status_code"),
        (Conventions::V1_45, "rpc.status_code"),
    ] {
        let (exporter, clock) = (InMemoryMetricExporter::default(), Manual::new());
        let provider = SdkMeterProvider::builder()
            .with_periodic_exporter(exporter.clone())
            .build();
        let ours = opentelemetry::Exporter::new(provider.meter("sluicegate"));
        let builder = Registry::builder().clock(clock).conventions(version);
        let metrics = builder.export(ours).build();
        let service = service_fn(async |_: Request<String>| {
            let response = Response::builder().header("grpc-status", "5");
            Ok::<_, ()>(response.body(String::new()).unwrap())
        });
        let req = Request::post("/pkg.Orders/Get").header("content-type", "application/grpc");
        let answer = RedLayer::server(&metrics).layer(service);
        let answer = answer.oneshot(req.body(String::new()).unwrap());
        answer.now_or_never().unwrap().unwrap();
        provider.force_flush().unwrap();
        let told = exporter.get_finished_metrics().unwrap();
        let duration = named(&told, "rpc.server.call.duration");
        let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = duration.data() else {
            panic!("{duration:?}");
        };
        let point = histogram.data_points().next().unwrap();
        let codes = point
            .attributes()
            .filter(|it| it.key.as_str().ends_with("status_code"));
        let codes: Vec<_> = codes.cloned().collect();
        assert_eq!(codes, [KeyValue::new(name, "NOT_FOUND")]);
        let label = name.replace('.', "_");
        let text = metrics.prometheus();
        assert!(text.contains(&format!("{label}=\"NOT_FOUND\"")), "{text}");
    }
}

fn of_series() -> [KeyValue; 3] {
    [
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", "/orders/{id}"),
        KeyValue::new("url.scheme", "http"),
    ]
}

#[track_caller]
fn named<'a>(told: &'a [ResourceMetrics], name: &str) -> &'a Metric {
    let scopes = told.iter().flat_map(ResourceMetrics::scope_metrics);
    let mut metrics = scopes.flat_map(|scope| scope.metrics());
    metrics.find(|metric| metric.name() == name).unwrap()
}

fn sorted<'a>(attributes: impl IntoIterator<Item = &'a KeyValue>) -> Vec<(String, Value)> {
    let pairs = attributes
        .into_iter()
        .map(|it| (it.key.to_string(), it.value.clone()));
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    pairs
}

#[test]
fn the_current_span_is_an_exemplar_if_it_is_sampled() {
    let none = HeaderMap::new();
    assert_eq!(red::TraceId::current(&none), None);
    let trace = TraceId::from(7);
    for (flags, sampled) in [
        (TraceFlags::SAMPLED, true),
        (TraceFlags::NOT_SAMPLED, false),
    ] {
        let span = SpanContext::new(trace, SpanId::from(8), flags, true, TraceState::NONE);
        let _current = Context::new().with_remote_span_context(span).attach();
        let told = red::TraceId::current(&none).map(|trace| trace.to_string());
        assert_eq!(told, sampled.then(|| trace.to_string()));
    }
}

#[test]
fn a_request_belongs_to_the_trace_in_which_it_begins() {
    let clock = Manual::new();
    let builder = Registry::builder().clock(clock.clone());
    let metrics = builder.exemplars(red::TraceId::current).build();
    let (trace, flags) = (TraceId::from(7), TraceFlags::SAMPLED);
    let span = SpanContext::new(trace, SpanId::from(8), flags, true, TraceState::NONE);
    let current = Context::new().with_remote_span_context(span).attach();
    ask(&metrics, &clock, Duration::from_millis(7));
    drop(current);
    ask(&metrics, &clock, Duration::from_millis(700));
    let snapshot = metrics.snapshot();
    let (_, completion) = snapshot.completions().next().unwrap();
    let traces = completion.exemplars().map(|(_, trace)| trace.to_string());
    assert_eq!(traces.collect::<Vec<_>>(), [trace.to_string()]);
}
