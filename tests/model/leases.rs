//! Shares, in every order of everything that can happen to them.

use crate::{
    buckets::buckets,
    cases::{Case, form},
    windows::windows,
};

/// Searches them all, and finds no step that breaks a law.
fn hold(cases: Vec<Case>) {
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
fn a_leased_bucket_never_passes_more_than_it_gives() {
    hold(buckets(form()));
}

#[test]
fn a_leased_window_never_passes_more_than_its_limit() {
    hold(windows(form()));
}
