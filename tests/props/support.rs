//! Quotas, arrivals, and what becomes of them.

use std::time::Duration;

use proptest::prelude::*;
use sluicegate::{
    clock::Tick,
    limit::{Cost, Decision, Quota, Rule, Verdict},
};

/// One request, some ticks after the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) after: Tick,
    pub(crate) cost: Cost,
}

/// Something that passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    pub(crate) at: Tick,
    pub(crate) cost: Cost,
}

/// Where all histories begin: late enough to step back from.
pub(crate) const START: Tick = 1 << 45;

/// Quotas from a few a day to millions a second, with small bursts and large.
pub(crate) fn quota() -> impl Strategy<Value = Quota> {
    let amount = prop_oneof![1_u64..20, 1_u64..5_000, Just(999_983), 1_u64..60_000];
    let period = prop_oneof![
        Just(1_000_000_u64),
        Just(60_000_000),
        Just(86_400_000_000),
        1_u64..5_000_000,
    ];
    let burst = prop_oneof![1_u64..10, 1_u64..3_000];
    (amount, period, burst).prop_filter_map("a quota can be kept", |(amount, period, burst)| {
        Quota::new(amount, Duration::from_micros(period))
            .ok()?
            .try_burst(burst)
            .ok()
    })
}

/// Quotas small enough for a log.
pub(crate) fn small_quota() -> impl Strategy<Value = Quota> {
    (1_u64..40, 1_u64..100_000)
        .prop_map(|(amount, period)| Quota::new(amount, Duration::from_micros(period)).unwrap())
}

/// Arrivals at the pace of a quota: bursts, gaps and idle spells.
pub(crate) fn arrivals(quota: Quota, size: u64) -> impl Strategy<Value = Vec<Arrival>> {
    let interval = (quota.period().as_micros() as u64 / quota.amount()).max(1);
    let period = quota.period().as_micros() as u64;
    let after = prop_oneof![
        4 => Just(0),
        4 => 0..=interval,
        2 => 0..=interval.saturating_mul(size.min(50)),
        1 => 0..=period.saturating_mul(3),
    ];
    let cost = prop_oneof![6 => Just(1), 3 => 1..=size, 1 => Just(0), 1 => size..=size + 2];
    let arrival = (after, cost).prop_map(|(after, cost)| Arrival { after, cost });
    prop::collection::vec(arrival, 1..80)
}

pub(crate) fn with_arrivals(
    quota: impl Strategy<Value = Quota>,
    size: impl Fn(&Quota) -> u64,
) -> impl Strategy<Value = (Quota, Vec<Arrival>)> {
    quota.prop_flat_map(move |quota| (Just(quota), arrivals(quota, size(&quota))))
}

/// Asks a rule for each arrival, and shows each state, instant and decision.
pub(crate) fn play<R: Rule>(
    rule: &R,
    arrivals: &[Arrival],
    mut see: impl FnMut(&R::State, Tick, Cost, Decision),
) -> R::State {
    let mut state = R::State::default();
    let mut now = START;
    for arrival in arrivals {
        now += arrival.after;
        let before = state.clone();
        let decision = rule.decide(&mut state, now, arrival.cost);
        see(&before, now, arrival.cost, decision);
    }
    state
}

/// The requests that passed, and when: at once, or after they had queued.
pub(crate) fn passed<R: Rule>(rule: &R, arrivals: &[Arrival]) -> Vec<Passed> {
    let mut passed = Vec::new();
    play(rule, arrivals, |_, now, cost, decision| {
        match decision.verdict() {
            _ if cost == 0 => {}
            Verdict::Admit => passed.push(Passed { at: now, cost }),
            Verdict::Queue(wait) => passed.push(Passed {
                at: now + wait.as_micros() as Tick,
                cost,
            }),
            Verdict::Deny => {}
        }
    });
    passed
}

/// Whether no span lets more pass than `size` and what comes back in it.
pub(crate) fn conforms(passed: &[Passed], quota: Quota, size: u64) -> Result<(), String> {
    let (amount, period) = (u128::from(quota.amount()), quota.period().as_micros());
    for (first, from) in passed.iter().enumerate() {
        let mut sum = 0;
        for to in &passed[first..] {
            sum += u128::from(to.cost);
            let more = sum.saturating_sub(u128::from(size)) * period;
            if more > u128::from(to.at - from.at) * amount {
                return Err(format!("{sum} passed from {} to {}", from.at, to.at));
            }
        }
    }
    Ok(())
}
