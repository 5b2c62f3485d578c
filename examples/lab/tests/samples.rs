//! The samples, which tests of the report draw, are what the lab writes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{fs, path::Path};

use lab::results::{Measured, Results};
use serde::{Serialize, de::DeserializeOwned};

fn read<T: DeserializeOwned + Serialize>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(name);
    let text = fs::read_to_string(path).unwrap();
    let read: T = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text.trim_end());
    read
}

#[test]
fn the_sample_of_results_is_complete() {
    let results: Results = read("results.json");
    let grid = &results.grid;
    assert_eq!(results.schema, Results::SCHEMA);
    assert_eq!(grid.cells.len(), grid.amounts.len() * grid.bursts.len());
    for cell in &grid.cells {
        assert_eq!(
            cell.figures.len(),
            results.traffic.len() * results.rules.len()
        );
    }
    assert_eq!(results.base().quota, "100/10s burst 20");
}

#[test]
fn the_sample_of_measurements_is_about_the_rules_of_the_results() {
    let (results, measured): (Results, Measured) = (read("results.json"), read("measured.json"));
    assert_eq!(measured.schema, Measured::SCHEMA);
    for costs in &measured.rules {
        assert!(results.rules.iter().any(|rule| rule.id == costs.rule));
    }
}
