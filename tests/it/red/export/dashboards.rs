//! The dashboard and the rules beside the examples.

use std::{collections::BTreeSet, fs};

use sluicegate::red::prometheus::Format;

use super::{
    observed::everything,
    promtool::{promtool, told},
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/dashboards");

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
        let prefixes = ["sluicegate_", "http_server_", "rpc_server_"];
        prefixes.iter().any(|prefix| word.starts_with(prefix))
    };
    words.filter(ours).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_is_there() {
    let text = everything().await.prometheus_as(Format::Text);
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let told: BTreeSet<_> = samples
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let labels = ["http_route", "rpc_method", "http_request_method"];
    for file in ["sluicegate.json", "rules.yml"] {
        // What is written for both protocols.
        let text = read(file).replace(
            "(http_server_request|rpc_server_call)",
            "http_server_request",
        );
        let asked = names(&text);
        assert!(asked.len() > 5, "{file}: {asked:?}");
        for name in asked {
            let grpc = name.replace("rpc_server_call", "http_server_request");
            let grpc = grpc.replace("rpc_server_active_calls", "http_server_active_requests");
            let known = told.contains(&*grpc) || labels.contains(&name);
            assert!(known, "{file} asks for {name}");
        }
    }
}

#[test]
fn the_dashboard_is_json() {
    let board: serde_json::Value = serde_json::from_str(&read("sluicegate.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let titles = panels.iter().map(|panel| panel["title"].as_str().unwrap());
    assert!(titles.count() > 10);
}
