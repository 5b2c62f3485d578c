//! Plays all traffic through all candidates under all quotas.

use std::time::Duration;

use rayon::prelude::*;
use sluicegate::limit::Quota;

use super::{
    candidates::{Candidate, candidates},
    figures::figures,
    simulate::play,
    traffic::{Pattern, Scale, patterns},
};
use crate::results::{Base, Cell, Figures, Grid, Results};

/// The period of all quotas.
const PERIOD: Duration = Duration::from_secs(10);

/// The amounts and the bursts, around the quota that the report begins with.
type Axes = (&'static [u64], &'static [u64]);

const FULL: Axes = (&[25, 50, 100, 200, 400], &[1, 10, 20, 50, 100]);

const QUICK: Axes = (&[50, 100], &[20, 100]);

/// The quota that the report begins with.
pub(super) const BASE: (u64, u64) = (100, 20);

/// Simulates everything. The same seed and scale give the same results.
pub fn simulate(seed: u64, scale: Scale) -> Results {
    let patterns = patterns(seed, scale);
    Results {
        schema: Results::SCHEMA,
        command: command(seed, scale),
        seed,
        rules: candidates().map(Candidate::rule).collect(),
        traffic: patterns
            .iter()
            .map(|pattern| pattern.traffic.clone())
            .collect(),
        grid: grid(&patterns, scale),
    }
}

/// Returns the command that gives the same results.
pub(super) fn command(seed: u64, scale: Scale) -> String {
    let quick = match scale {
        Scale::Full => "",
        Scale::Quick => " --quick",
    };
    format!("cargo run --release -p lab -- compare --seed {seed}{quick}")
}

/// Returns the quota of an amount and a burst.
pub(super) fn quota((amount, burst): (u64, u64)) -> Quota {
    let quota = Quota::new(amount, PERIOD).expect("the amounts are valid");
    quota.burst(burst)
}

fn grid(patterns: &[Pattern], scale: Scale) -> Grid {
    let (amounts, bursts) = match scale {
        Scale::Full => FULL,
        Scale::Quick => QUICK,
    };
    let pairs = amounts
        .iter()
        .flat_map(|amount| bursts.iter().map(move |burst| (*amount, *burst)));
    let pairs: Vec<_> = pairs.collect();
    let place = |list: &[u64], of| list.iter().position(|value| *value == of);
    Grid {
        period_us: PERIOD.as_micros() as u64,
        amounts: amounts.to_vec(),
        bursts: bursts.to_vec(),
        base: Base {
            amount: place(amounts, BASE.0).expect("each grid has the base"),
            burst: place(bursts, BASE.1).expect("each grid has the base"),
        },
        // In parallel, and in order: each cell depends on its quota alone.
        cells: pairs
            .into_par_iter()
            .map(|pair| cell(patterns, quota(pair)))
            .collect(),
    }
}

fn cell(patterns: &[Pattern], quota: Quota) -> Cell {
    let row = |pattern| candidates().map(move |candidate| outcome(pattern, candidate, &quota));
    Cell {
        quota: quota.to_string(),
        figures: patterns.iter().flat_map(row).collect(),
    }
}

/// Plays one pattern through one candidate.
fn outcome(pattern: &Pattern, candidate: &Candidate, quota: &Quota) -> Figures {
    let mut player = candidate.player(*quota, pattern.buckets());
    let record = play(pattern, &mut *player);
    figures(pattern, &record, quota, candidate.bound(quota))
}
