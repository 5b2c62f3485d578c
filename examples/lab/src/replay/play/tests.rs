//! Players against a model without threads, batches and forgetting.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;
use sluicegate::limit::{Quota, Rule};

use super::*;
use crate::replay::{Event, Policy, RuleName, WithRule};

/// Which requests a policy refuses, by the rule alone.
struct Refusals<'a>(&'a [Event]);

impl WithRule for Refusals<'_> {
    type Output = Vec<bool>;

    fn with<R: Rule>(self, rule: R) -> Vec<bool> {
        let mut states: BTreeMap<&str, R::State> = BTreeMap::new();
        let decisions = self.0.iter().map(|event| {
            let state = states.entry(event.key.as_str()).or_default();
            rule.decide(state, event.at, event.cost.into()).is_denied()
        });
        decisions.collect()
    }
}

/// The refused requests of a key: their count, the first and the last instant,
/// and the lengths of the spells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Expected {
    count: u64,
    first: u64,
    last: u64,
    spells: Vec<u64>,
}

/// Returns the refused requests of each key that has any.
fn by_key(events: &[Event], refused: &[bool]) -> BTreeMap<String, Expected> {
    let mut requests: BTreeMap<String, Vec<(u64, bool)>> = BTreeMap::new();
    for (event, refused) in events.iter().zip(refused) {
        requests
            .entry(event.key.to_string())
            .or_default()
            .push((event.at, *refused));
    }
    let expected = requests
        .into_iter()
        .map(|(key, requests)| (key, expected(&requests)));
    expected
        .filter(|(_, expected)| expected.count > 0)
        .collect()
}

fn expected(requests: &[(u64, bool)]) -> Expected {
    let mut it = Expected::default();
    let mut since = None;
    for (at, refused) in requests {
        match (refused, since) {
            (true, _) => {
                it.count += 1;
                it.last = *at;
                since.get_or_insert(*at);
            }
            (false, Some(start)) => {
                it.spells.push(at - start);
                since = None;
            }
            (false, None) => (),
        }
    }
    it.spells.extend(since.map(|start| it.last - start));
    it.first = requests.iter().find(|it| it.1).map_or(0, |it| it.0);
    it
}

fn events(keys: u32, step_us: u64) -> impl Strategy<Value = Vec<Event>> {
    let event = (
        0..step_us,
        0..keys,
        prop_oneof![9 => Just(1_u32), 1 => 0_u32..5],
    );
    prop::collection::vec(event, 1..300).prop_map(|steps| {
        let mut at = 1_700_000_000_000_000;
        let events = steps.into_iter().map(|(step, key, cost)| {
            at += step;
            let key = format!("key {key}").into();
            Event { at, key, cost }
        });
        events.collect()
    })
}

fn play(settings: &PlaySettings, events: &[Event]) -> Outcome {
    let mut players = Players::start(settings).unwrap();
    events.iter().cloned().for_each(|event| players.play(event));
    players.finish()
}

fn policies(amount: u64, burst: u64, period_s: u64) -> Vec<Policy> {
    let quota = Quota::new(amount, Duration::from_secs(period_s)).unwrap();
    RuleName::ALL
        .map(|rule| Policy::new(rule, quota.burst(burst)))
        .to_vec()
}

/// Counts pairs that say whether the old and the new policy refuse.
fn change(pairs: impl Iterator<Item = (bool, bool)>) -> Change {
    pairs.fold(Change::default(), |mut change, pair| {
        match pair {
            (true, true) => change.both += 1,
            (true, false) => change.only_old += 1,
            (false, true) => change.only_new += 1,
            (false, false) => (),
        }
        change
    })
}

/// Asserts that an outcome is what the rules decide about the events one by
/// one.
fn check(settings: &PlaySettings, events: &[Event]) -> Result<(), TestCaseError> {
    let outcome = play(settings, events);
    prop_assert_eq!(outcome.requests + outcome.without_room, events.len() as u64);
    prop_assert_eq!(outcome.without_room, 0);
    prop_assert_eq!(
        outcome.arrived.counts().iter().sum::<u64>(),
        events.len() as u64
    );
    let refused = |policy: &Policy| policy.with_rule(Refusals(events)).unwrap();
    let old = refused(&settings.policies[0]);
    for (policy, outcome) in settings.policies.iter().zip(&outcome.policies) {
        let new = refused(policy);
        let expected = by_key(events, &new);
        prop_assert_eq!(
            outcome.refused,
            new.iter().filter(|it| **it).count() as u64,
            "{}",
            policy
        );
        prop_assert_eq!(outcome.series.counts().iter().sum::<u64>(), outcome.refused);
        prop_assert_eq!(outcome.keys.len(), expected.len());
        for (key, refusal) in &outcome.keys {
            let expected = &expected[key.as_str()];
            let times = (refusal.count, refusal.first, refusal.last);
            prop_assert_eq!(times, (expected.count, expected.first, expected.last));
            prop_assert_eq!(refusal.total_us, expected.spells.iter().sum::<u64>());
            prop_assert_eq!(
                Some(refusal.longest_us),
                expected.spells.iter().copied().max()
            );
        }
        if settings.has_old && policy != &settings.policies[0] {
            let pairs = old.iter().copied().zip(new);
            prop_assert_eq!(outcome.versus.requests, change(pairs));
            let old = by_key(events, &old);
            let keys: BTreeSet<_> = old.keys().chain(expected.keys()).collect();
            let pairs = keys
                .into_iter()
                .map(|key| (old.contains_key(key), expected.contains_key(key)));
            prop_assert_eq!(outcome.versus.keys, change(pairs));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn players_decide_as_the_rules_do(
        events in events(6, 2_000_000),
        (amount, burst, period_s) in (1_u64..6, 1_u64..6, 1_u64..30),
        threads in 1_usize..4,
        has_old in any::<bool>(),
    ) {
        let policies = policies(amount, burst, period_s);
        check(&PlaySettings { policies, has_old, max_keys: 100, threads }, &events)?;
    }

    /// Many keys come and go; few have a bucket that is not whole at a time. The
    /// keys that are refused stay.
    #[test]
    fn forgetting_idle_keys_changes_no_decision(
        events in events(60, 4_000_000),
        (amount, burst, period_s) in (1_u64..3, 1_u64..3, 1_u64..5),
    ) {
        let policies = policies(amount, burst, period_s);
        let refused: usize = policies.iter().map(|policy| {
            by_key(&events, &policy.with_rule(Refusals(&events)).unwrap()).len()
        }).sum();
        let settings = PlaySettings { policies, has_old: false, max_keys: 30 + refused, threads: 1 };
        let outcome = play(&settings, &events);
        prop_assume!(outcome.without_room == 0);
        check(&settings, &events)?;
    }
}

/// A key for each request, and all at one instant: nothing can be forgotten.
#[test]
fn requests_without_room_are_counted_and_not_played() {
    let quota = Quota::per_minute(1);
    let policies = vec![Policy::new(RuleName::TokenBucket, quota)];
    let settings = PlaySettings {
        policies,
        has_old: false,
        max_keys: 32,
        threads: 1,
    };
    let at = 1_700_000_000_000_000;
    let event = |key: u32| Event {
        at,
        key: format!("{key}").into(),
        cost: 1,
    };
    let events: Vec<_> = (0..1_000).map(event).collect();
    let outcome = play(&settings, &events);
    assert_eq!((outcome.requests, outcome.without_room), (32, 968));
    assert_eq!(outcome.keys, 32);
}

/// A minute later all buckets are whole, and their keys make room.
#[test]
fn idle_keys_make_room_for_new_ones() {
    let policies = policies(1, 1, 60);
    let settings = PlaySettings {
        policies,
        has_old: false,
        max_keys: 32,
        threads: 1,
    };
    let event = |key: u64| Event {
        at: 1_700_000_000_000_000 + key / 32 * 200_000_000,
        key: format!("{key}").into(),
        cost: 1,
    };
    let events: Vec<_> = (0..320).map(event).collect();
    let outcome = play(&settings, &events);
    assert_eq!((outcome.requests, outcome.without_room), (320, 0));
    assert_eq!((outcome.keys, outcome.forgotten_keys), (320, 288));
}

/// Some rates have states that can be read for a few weeks only, and recorded
/// traffic has longer pauses. At the end of each, the bucket is whole.
#[test]
fn a_bucket_is_whole_after_a_pause_of_any_length() {
    let quota = Quota::per_hour(1_000_003).burst(2);
    let day_us = 86_400_000_000;
    let rounds = 300;
    let mut at = 1_700_000_000_000_000;
    let mut events = Vec::new();
    for days in 0..rounds {
        at += days * day_us;
        let key = "key".into();
        events.extend(vec![Event { at, key, cost: 1 }; 3]);
    }
    let settings = PlaySettings {
        policies: vec![Policy::new(RuleName::TokenBucket, quota)],
        has_old: false,
        max_keys: 10,
        threads: 1,
    };
    let outcome = play(&settings, &events);
    assert_eq!(outcome.policies[0].refused, rounds);
}
