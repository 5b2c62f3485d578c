//! The search against brute force.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;
use sluicegate::limit::Rule;

use super::*;
use crate::{
    recommend::trace::TraceBuilder,
    replay::{Event, Progress, WithRule},
};

/// Plays all requests in the order in which they came, without any shortcut.
struct BruteForce<'a>(&'a [Event]);

impl WithRule for BruteForce<'_> {
    type Output = Refused;

    fn with<R: Rule>(self, rule: R) -> Refused {
        let mut states = HashMap::new();
        let mut keys = BTreeSet::new();
        let mut requests = 0;
        for event in self.0 {
            let state: &mut R::State = states.entry(&event.key).or_default();
            if rule.decide(state, event.at, event.cost.into()).is_denied() {
                requests += 1;
                keys.insert(&event.key);
            }
        }
        let keys = keys.len() as u64;
        Refused { keys, requests }
    }
}

/// Plays every quota of the grid, and takes the smallest of those that refuse
/// little enough.
fn brute_force(
    search: &Search,
    rule: RuleName,
    burst: Option<u64>,
    events: &[Event],
) -> Option<(Quota, Refused)> {
    let all = search.amounts.iter().map(|amount| {
        let quota = Quota::new(*amount, search.period).unwrap();
        let policy = Policy::new(rule, quota.burst(burst.unwrap_or(*amount)));
        (policy.quota, policy.with_rule(BruteForce(events)).unwrap())
    });
    let allowed = all.filter(|(_, refused)| search.allowed.holds(refused));
    allowed.min_by_key(|(quota, _)| quota.amount())
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (
        0_u64..3_000_000,
        0_u8..4,
        prop_oneof![8 => Just(1_u32), 1 => 0_u32..6],
    );
    let start = 1_700_000_000_000_000_u64;
    prop::collection::vec(event, 0..60).prop_map(move |steps| {
        let mut at = start;
        let events = steps.into_iter().map(|(step, key, cost)| {
            at += step;
            let key = format!("k{key}").into();
            Event { at, key, cost }
        });
        events.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]
    #[test]
    fn the_search_finds_what_brute_force_finds(
        events in events(),
        period_s in 1_u64..40,
        keys in prop::option::of(0_u64..4),
        requests in prop::option::of(0_u64..20),
    ) {
        let mut builder = TraceBuilder::default();
        events.iter().cloned().for_each(|event| builder.push(event));
        let trace = builder.build();
        let search = Search {
            rules: RuleName::ALL.to_vec(),
            period: Duration::from_secs(period_s),
            amounts: (1..=30).collect(),
            bursts: vec![1, 2, 5, 10],
            allowed: Allowed { keys, requests },
        };
        let found = search.run(&trace, &Progress::hidden());
        prop_assert_eq!(found.len(), 3 * 4 + 3);
        for found in &found {
            let expected = brute_force(&search, found.rule, found.burst, &events);
            prop_assert_eq!(found.smallest, expected, "{:?}", found);
        }
        for place in best(&found) {
            let sum = |found: &Found| found.smallest.map(|(quota, _)| quota.amount() + found.burst.unwrap_or(0));
            let of_rule = found.iter().filter(|it| it.rule == found[place].rule);
            prop_assert_eq!(sum(&found[place]), of_rule.filter_map(sum).min());
        }
    }
}

/// Some rates have states that can be read for a few weeks only.
#[test]
fn a_bucket_is_whole_after_a_pause_of_any_length() {
    let (day_us, rounds) = (86_400_000_000, 300);
    let mut builder = TraceBuilder::default();
    let mut at = 1_700_000_000_000_000;
    for days in 0..rounds {
        at += days * day_us;
        let key = "key".into();
        builder.push(Event { at, key, cost: 3 });
    }
    let search = Search {
        rules: vec![RuleName::TokenBucket],
        period: Duration::from_secs(3_600),
        amounts: vec![1_000_003],
        bursts: vec![3],
        allowed: Allowed::ALL,
    };
    let found = search.run(&builder.build(), &Progress::hidden());
    assert_eq!(found[0].smallest.unwrap().1, Refused::default());
}

/// `LAB_CASES=100000` is the long form.
fn cases() -> u32 {
    let set = std::env::var("LAB_CASES").ok();
    set.and_then(|cases| cases.parse().ok()).unwrap_or(64)
}
