//! The figures in the docs and in the README are those of `lab compare`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{fs, path::Path};

use lab::{
    compare::{
        candidates::{Candidate, candidates},
        figures::figures,
        simulate::play,
        traffic::{Pattern, Scale, patterns},
    },
    report::number::count,
    results::Figures,
};
use sluicegate::limit::Quota;

/// The limit that the report begins with.
const LIMIT: &str = "100/10s burst 20";

fn play_all(candidate: &Candidate, patterns: &[Pattern]) -> Vec<Figures> {
    let quota: Quota = LIMIT.parse().unwrap();
    let play = |pattern: &Pattern| {
        let mut player = candidate.player(quota, pattern.buckets());
        let record = play(pattern, &mut *player);
        figures(pattern, &record, &quota, candidate.bound(&quota))
    };
    patterns.iter().map(play).collect()
}

/// Returns the line of the table for a rule.
fn row(candidate: &Candidate, patterns: &[Pattern]) -> String {
    let all = play_all(candidate, patterns);
    let of = |id: &str| {
        let place = patterns.iter().position(|pattern| pattern.traffic.id == id);
        &all[place.unwrap()]
    };
    let worst = all.iter().map(|figures| figures.most_in_period).max();
    let (random, bursts) = (of("poisson"), of("on-off"));
    assert_eq!((random.requests, bursts.requests), (607, 480));
    let waits = random.waits.unwrap();
    let waits = match waits.max_us {
        0 => "none".to_owned(),
        _ => format!(
            "{} / {} ms",
            count(waits.p50_us / 1_000),
            count(waits.p99_us / 1_000)
        ),
    };
    format!(
        "| {} | {} | {} | {} | {} | {waits} |",
        candidate.title(),
        worst.unwrap(),
        of("turn").most_in_period,
        random.refused,
        bursts.admitted,
    )
}

#[test]
fn the_tables_for_choosing_a_rule_have_the_figures_of_the_lab() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let docs = fs::read_to_string(root.join("src/limit/mod.rs")).unwrap();
    let patterns = patterns(1, Scale::Full);
    for candidate in candidates().take(6) {
        let row = row(candidate, &patterns);
        assert!(
            readme.contains(&format!("\n{row}\n")),
            "README.md lacks {row}"
        );
        assert!(
            docs.contains(&format!("\n//! {row}\n")),
            "the docs lack {row}"
        );
    }
}
