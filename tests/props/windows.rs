//! The windows against a list of all that passed.

use std::collections::HashMap;

use proptest::prelude::*;
use sluicegate::{
    clock::Tick,
    limit::{FixedWindow, Quota, SlidingLog, SlidingWindow},
};

use crate::support::{Passed, passed, play, quota, small_quota, with_arrivals};

fn per_window(passed: &[Passed], width: Tick) -> HashMap<Tick, u64> {
    let mut counts = HashMap::new();
    for one in passed {
        *counts.entry(one.at / width).or_default() += one.cost;
    }
    counts
}

fn width(quota: Quota) -> Tick {
    quota.period().as_micros() as Tick
}

proptest! {
    #[test]
    fn a_sliding_window_weighs_the_window_before((quota, arrivals) in with_arrivals(quota(), Quota::amount)) {
        let width = width(quota);
        // Beyond this product the rule counts in steps, and may deny early.
        prop_assume!(u128::from(width) * u128::from(quota.amount()) <= 1 << 49);
        let mut counts: HashMap<Tick, u128> = HashMap::new();
        play(&SlidingWindow::new(quota), &arrivals, |_, now, cost, decision| {
            let (index, elapsed) = (now / width, now % width);
            let count = |index| counts.get(&index).copied().unwrap_or_default();
            let used = count(index - 1) * u128::from(width - elapsed) + count(index) * u128::from(width);
            let wanted = used + u128::from(cost) * u128::from(width);
            let fits = wanted <= u128::from(quota.amount()) * u128::from(width);
            assert_eq!(decision.is_admitted(), fits);
            if fits {
                *counts.entry(index).or_default() += u128::from(cost);
            }
        });
    }

    #[test]
    fn no_window_lets_more_pass_than_its_limit((quota, arrivals) in with_arrivals(quota(), Quota::amount)) {
        for passed in [passed(&SlidingWindow::new(quota), &arrivals), passed(&FixedWindow::new(quota), &arrivals)] {
            let counts = per_window(&passed, width(quota));
            prop_assert!(counts.values().all(|count| *count <= quota.amount()));
        }
    }

    #[test]
    fn a_sliding_log_is_the_list_of_what_passed((quota, arrivals) in with_arrivals(small_quota(), Quota::amount)) {
        let mut list: Vec<Passed> = Vec::new();
        play(&SlidingLog::new(quota), &arrivals, |_, now, cost, decision| {
            let recent = list.iter().filter(|one| one.at + width(quota) > now);
            let used: u64 = recent.map(|one| one.cost).sum();
            assert_eq!(decision.is_admitted(), used + cost <= quota.amount());
            if decision.is_admitted() {
                list.push(Passed { at: now, cost });
                assert_eq!(decision.remaining(), quota.amount() - used - cost);
            }
        });
    }
}
