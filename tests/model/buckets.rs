//! The searches of leased buckets.

use sluicegate::{
    clock::Tick,
    limit::{Cost, LeakyBucket, Quota, TokenBucket},
};

use crate::{
    cases::{Case, Form, SIZE, greedy},
    law::{BucketLaw, Refill},
    plan::{Plan, SECOND, instants},
};

fn quota(rate: u64, size: Cost) -> Quota {
    Quota::per_second(rate).burst(size)
}

fn bucket(name: &'static str, plan: Plan, rate: u64) -> Case {
    let law = move || BucketLaw(vec![refill(rate, SIZE)]);
    Case::new(name, plan, law, vec![TokenBucket::new(quota(rate, SIZE))])
}

fn refill(rate: u64, size: Cost) -> Refill {
    let (rate, size) = (rate as i32, size as i32);
    Refill { rate, size }
}

/// So many quarters of a second, at which only whole tokens have come in.
fn whole(quarters: Tick) -> Vec<Tick> {
    instants(SECOND / 4, quarters * SECOND / 4, 9 * SECOND)
}

pub(crate) fn buckets(form: Form) -> Vec<Case> {
    let mut cases = vec![
        bucket(
            "crashes",
            Plan {
                wants: form.of(vec![SIZE], vec![1, SIZE]),
                events: form.of(1, 2),
                crashes: true,
                ..greedy(form.checks(), form.quarters(8, 9))
            },
            4,
        ),
        bucket(
            "resets, credits and debits",
            Plan {
                credits: vec![2],
                debits: vec![3],
                resets: true,
                ..greedy(form.checks(), form.quarters(5, 8))
            },
            4,
        ),
        bucket(
            "losses and delays",
            Plan {
                losses: form.0,
                delays: true,
                ..greedy(form.checks(), form.of(whole(5), form.quarters(7, 7)))
            },
            4,
        ),
        bucket(
            "undone charges",
            Plan {
                charges: vec![2],
                ..greedy(form.checks(), form.quarters(4, 6))
            },
            4,
        ),
        bucket(
            "several limits",
            Plan {
                together: true,
                ..greedy(vec![1], form.quarters(4, 6))
            },
            4,
        ),
        bucket(
            "given instants",
            Plan {
                given: true,
                ..greedy(form.checks(), form.quarters(5, 8))
            },
            4,
        ),
        bucket(
            "the shortcut",
            Plan {
                shortcut: true,
                credits: vec![2],
                debits: vec![3],
                resets: true,
                ..greedy(form.checks(), form.quarters(5, 8))
            },
            4,
        ),
    ];
    cases.extend(other_buckets(form));
    cases
}

fn other_buckets(form: Form) -> Vec<Case> {
    let halves = instants(SECOND / 2, form.of(5, 6) * SECOND / 2, SECOND);
    let rates = [quota(4, SIZE), quota(8, 2 * SIZE)];
    vec![
        bucket(
            "a small step back",
            Plan {
                steps_back: vec![SECOND / 4],
                ..greedy(form.checks(), form.quarters(5, 7))
            },
            4,
        ),
        bucket(
            "steps back of more than a term",
            Plan {
                steps_back: form.of(
                    vec![SECOND + SECOND / 100],
                    vec![SECOND, SECOND + SECOND / 100],
                ),
                ..greedy(vec![2], halves)
            },
            8,
        ),
        Case::new(
            "a meter",
            Plan {
                crashes: true,
                ..greedy(form.checks(), form.quarters(5, 8))
            },
            || BucketLaw(vec![refill(4, SIZE)]),
            vec![LeakyBucket::meter(quota(4, SIZE))],
        ),
        bucket(
            "a small step back by the shortcut",
            Plan {
                shortcut: true,
                steps_back: vec![SECOND / 4],
                ..greedy(form.checks(), form.quarters(5, 7))
            },
            4,
        ),
        Case::new(
            "another quota by the shortcut",
            Plan {
                shortcut: true,
                ..greedy(vec![3], form.of(whole(3), whole(5)))
            },
            || BucketLaw(vec![refill(4, SIZE), refill(8, 2 * SIZE)]),
            rates.map(TokenBucket::new).to_vec(),
        ),
        Case::new(
            "another quota",
            // Rounding would create more and more states.
            greedy(vec![3], form.of(whole(3), whole(5))),
            || BucketLaw(vec![refill(4, SIZE), refill(8, 2 * SIZE)]),
            rates.map(TokenBucket::new).to_vec(),
        ),
    ]
}
