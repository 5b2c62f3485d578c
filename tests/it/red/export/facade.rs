//! Tests of the export to the `metrics` facade.

use std::time::Duration;

use ::metrics::with_local_recorder;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use sluicegate::{
    clock::Manual,
    red::{Registry, metrics::Exporter},
};

use super::support::ask;

#[test]
fn the_facade_is_told_of_each_request() {
    let recorder = DebuggingRecorder::new();
    let clock = Manual::new();
    let builder = Registry::builder().clock(clock.clone());
    let metrics = builder.export(Exporter::new()).build();
    with_local_recorder(&recorder, || {
        ask(&metrics, &clock, Duration::from_millis(7));
        ask(&metrics, &clock, Duration::from_millis(8));
    });
    let told = recorder.snapshotter().snapshot().into_vec();
    let mut told: Vec<_> = told
        .into_iter()
        .map(|(key, unit, help, value)| {
            let labels = key.key().labels();
            let labels = labels.map(|it| format!(" {}={}", it.key(), it.value()));
            let name = key.key().name().to_owned() + &labels.collect::<String>();
            assert!(unit.is_some() && help.is_some(), "{name}");
            (name, seconds(value))
        })
        .collect();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    let labels = "http_request_method=GET http_route=/orders/{id} url_scheme=http";
    assert_eq!(
        told,
        [
            (format!("http_server_active_requests {labels}"), vec![0.0]),
            (
                format!(
                    "http_server_request_duration_seconds {labels} http_response_status_code=500 error_type=500 outcome=server_error"
                ),
                vec![0.007, 0.008],
            ),
            (
                format!("http_server_response_head_duration_seconds {labels}"),
                vec![0.007, 0.008]
            ),
        ]
    );
}

fn seconds(value: DebugValue) -> Vec<f64> {
    match value {
        DebugValue::Histogram(values) => values.into_iter().map(f64::from).collect(),
        DebugValue::Gauge(value) => vec![value.into()],
        DebugValue::Counter(count) => panic!("a counter of {count}"),
    }
}
