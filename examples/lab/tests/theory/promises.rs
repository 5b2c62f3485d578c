//! What a rule promises holds in all traffic and under all quotas of the grid.

use std::sync::LazyLock;

use lab::{
    compare::{simulate, traffic::Scale},
    results::Results,
};

/// Simulated once, because it takes a second or more.
static RESULTS: LazyLock<[Results; 2]> = LazyLock::new(|| [1, 2].map(quick));

fn quick(seed: u64) -> Results {
    simulate(seed, Scale::Quick)
}

#[test]
fn no_traffic_passes_more_in_a_period_than_the_rule_promises() {
    for results in &*RESULTS {
        for cell in &results.grid.cells {
            for (row, traffic) in results.traffic.iter().enumerate() {
                for (column, rule) in results.rules.iter().enumerate() {
                    let figures = results.figures(cell, row, column);
                    let (most, bound) = (figures.most_in_period, figures.bound);
                    let place = format!("{} {} {}", cell.quota, traffic.id, rule.id);
                    assert!(most <= bound, "{place}: {most} of {bound}");
                }
            }
        }
    }
}

#[test]
fn attempts_and_requests_add_up() {
    let [results, _] = &*RESULTS;
    for figures in results.grid.cells.iter().flat_map(|cell| &cell.figures) {
        assert_eq!(figures.attempts, figures.admitted + figures.refused);
        assert!(figures.admitted <= figures.requests);
        let sum = |bins: &[u32]| bins.iter().map(|bin| u64::from(*bin)).sum::<u64>();
        assert!(sum(&figures.arrivals) <= figures.attempts);
        assert!(sum(&figures.admissions) <= figures.admitted);
    }
}

/// Two seeds, two runs each.
#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_others() {
    let json = |results: &Results| serde_json::to_string(results).unwrap();
    let [one, two] = RESULTS.each_ref().map(json);
    assert_eq!(json(&quick(1)), one);
    assert_eq!(json(&quick(2)), two);
    assert_ne!(one, two);
}
