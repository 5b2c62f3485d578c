//! The dashboard and the rules beside the examples.

use std::{collections::BTreeSet, fs};

use http::{HeaderMap, Request, Response};
use sluicegate::red::{RedLayer, Registry};
use tower::{Layer, ServiceExt, service_fn};

use super::{
    observed::everything,
    promtool::{promtool, told},
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/dashboards");

fn read(file: &str) -> String {
    fs::read_to_string(format!("{FOLDER}/{file}")).unwrap()
}

#[test]
fn rules_are_right_and_say_what_they_should() {
    for (task, file) in [("check", "rules.yml"), ("test", "rules.test.yml")] {
        let said = told(promtool(&[task, "rules", &format!("{FOLDER}/{file}")]));
        let said = said.unwrap_or_else(|said| panic!("{task} {file}: {said}"));
        assert!(said.contains("SUCCESS"), "{task} {file}: {said}");
    }
}

/// Names with these beginnings, as they are written in a file.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let ours = |word: &&str| {
        let prefixes = ["sluicegate_", "http_", "rpc_", "worker_"];
        prefixes.iter().any(|prefix| word.starts_with(prefix))
    };
    words.filter(ours).collect()
}

/// Requests of HTTP and calls of gRPC, received and sent, and streams of each.
async fn requests() -> Registry {
    let methods = sluicegate::red::Methods::new().streaming("pkg.Orders/Watch");
    let metrics = Registry::builder().methods(methods).build();
    let answer = service_fn(async |req: Request<String>| {
        let response = Response::builder().header("content-type", req.uri().path()[1..].to_owned());
        Ok::<_, ()>(
            response
                .header("grpc-status", "0")
                .body(String::new())
                .unwrap(),
        )
    });
    for side in [RedLayer::server, RedLayer::client] {
        for (path, content_type) in [
            ("/text/plain", "text/plain"),
            ("/text/event-stream", "text/plain"),
            ("/pkg.Orders/Get", "application/grpc"),
            ("/pkg.Orders/Watch", "application/grpc"),
        ] {
            let req = Request::post(path).header("content-type", content_type);
            let service = side(&metrics).layer(answer);
            service
                .oneshot(req.body(String::new()).unwrap())
                .await
                .unwrap();
        }
    }
    metrics
}

#[tokio::test(start_paused = true)]
async fn every_metric_of_the_dashboard_exists() {
    let text = everything()
        .await
        .metrics
        .prometheus_for(&HeaderMap::new())
        .1;
    let text = text + &requests().await.prometheus_for(&HeaderMap::new()).1;
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let told: BTreeSet<_> = samples
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let labels = [
        "http_route",
        "http_request_method",
        "http_response_status_code",
        "rpc_method",
        "rpc_response_status_code",
    ];
    let worker = read("../worker/src/http/metrics.rs");
    for file in ["sluicegate.json", "rules.yml"] {
        // Entries for both protocols.
        let text = read(file).replace(
            "(http_server_request|rpc_server_call)",
            "http_server_request",
        );
        let asked = names(&text);
        assert!(asked.len() > 5, "{file}: {asked:?}");
        for name in asked {
            let grpc = name.replace("rpc_server_call", "http_server_request");
            let grpc = grpc.replace("rpc_server_active_calls", "http_server_active_requests");
            let known =
                told.contains(&*grpc) || labels.contains(&name) || is_of_worker(&worker, name);
            assert!(known, "{file} asks for {name}");
        }
    }
}

/// Whether the source of the worker's metrics has this name.
fn is_of_worker(source: &str, name: &str) -> bool {
    let name = name.strip_suffix("_total").unwrap_or(name);
    source.contains(&format!("\"{name}\""))
}

#[test]
fn the_dashboard_is_json() {
    let board: serde_json::Value = serde_json::from_str(&read("sluicegate.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let titles = panels.iter().map(|panel| panel["title"].as_str().unwrap());
    assert!(titles.count() > 10);
}
