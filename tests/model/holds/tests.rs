//! The searches, and the faults that they find.

use super::cases::{Case, buckets, logs, windows};
use crate::cases::form;

/// Searches them all, and finds no step that breaks a law.
fn keep_the_law(cases: Vec<Case>) {
    for case in cases {
        let report = case.run(&|source| source, false);
        println!(
            "{}: {} states, {} steps",
            case.name, report.states, report.steps
        );
        if let Some(first) = report.first {
            let (name, broken) = (case.name, report.broken);
            panic!("{name}: {broken} steps break the law, the first by\n{first}");
        }
    }
}

#[test]
fn a_held_bucket_never_has_more_than_was_settled() {
    keep_the_law(buckets(form()));
}

#[test]
fn a_held_window_never_has_more_than_was_settled() {
    keep_the_law(windows(form()));
}

#[test]
fn a_held_log_never_has_more_than_was_settled() {
    keep_the_law(logs(form()));
}
