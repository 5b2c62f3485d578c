//! The figures and the plots in the docs and in the README are those of `lab compare`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use lab::{
    compare::{
        candidates::{Candidate, candidates},
        figures::figures,
        simulate,
        simulate::play,
        traffic::{Pattern, Scale, patterns},
    },
    report::{number::count, pictures},
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

/// Returns the root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_tables_for_choosing_a_rule_have_the_figures_of_the_lab() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let docs = fs::read_to_string(root().join("src/limit/mod.rs")).unwrap();
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

/// `lab compare --no-measure` writes them; those that the README shows are copied to
/// `assets`.
#[test]
fn the_plots_in_the_readme_are_those_that_the_command_writes() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut shown = 0;
    for picture in pictures(&simulate(1, Scale::Full)) {
        let path = format!("examples/lab/assets/{}", picture.name);
        if readme.contains(&format!("]({path})")) {
            let file = fs::read_to_string(root().join(&path)).unwrap();
            assert!(file == picture.svg, "{path} is out of date");
            shown += 1;
        }
    }
    assert_eq!(shown, 2);
}

/// The texts in place of the plots, for readers who do not see them.
#[test]
fn the_texts_of_the_plots_have_the_figures_of_the_lab() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let patterns = patterns(1, Scale::Full);
    let all = |id| {
        let candidate = candidates().find(|candidate| candidate.id() == id);
        play_all(candidate.unwrap(), &patterns)
    };
    let turn = |id| {
        let place = patterns.iter().position(|it| it.traffic.id == "turn");
        all(id)[place.unwrap()].clone()
    };
    let (fixed, log, bucket) = (
        turn("fixed-window"),
        turn("sliding-log"),
        turn("token-bucket"),
    );
    let passed = format!(
        "![Fixed windows let {} of {} requests pass, {} of them within 10 seconds; sliding logs {}, and token \
         buckets {}.]",
        fixed.admitted, fixed.requests, fixed.most_in_period, log.admitted, bucket.admitted
    );
    assert!(readme.contains(&passed), "README.md lacks {passed}");
    let most = |id| {
        let most = all(id).iter().map(|figures| figures.most_in_period).max();
        most.unwrap() as f64 / 100.0
    };
    assert_eq!(most("leaky-queue"), most("sliding-log"));
    let excess = format!(
        "![Leaky bucket as queue and sliding log {:.2}, sliding window {:.2}, token bucket {:.2}, fixed window {:.2}.]",
        most("sliding-log"),
        most("sliding-window"),
        most("token-bucket"),
        most("fixed-window")
    );
    assert!(readme.contains(&excess), "README.md lacks {excess}");
}
