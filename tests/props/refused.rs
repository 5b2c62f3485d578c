//! An `All` that refuses, against a twin that was not asked.

use std::{fmt::Debug, time::Duration};

use proptest::{collection::vec, prelude::*};
use sluicegate::{
    clock::{Manual, Tick},
    limit::{
        All, Check, Cost, Direct, FixedWindow, LeakyBucket, Limiter, Local, Quota, Rule,
        SlidingLog, SlidingWindow, TokenBucket,
    },
};

use crate::support::START;

#[derive(Clone, Debug)]
enum Step {
    Wait(Tick),
    /// Of both members.
    All(Cost),
    /// Of one member alone, by its index.
    Check(usize, Cost),
    Debit(usize, Cost),
    Credit(usize, Cost),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..30_000_u64).prop_map(Step::Wait),
        1 => (0..2_u64).prop_map(Step::Wait),
        5 => (1..8_u64).prop_map(Step::All),
        2 => (0..2_usize, 1..6_u64).prop_map(|(member, cost)| Step::Check(member, cost)),
        1 => (0..2_usize, 1..20_u64).prop_map(|(member, cost)| Step::Debit(member, cost)),
        1 => (0..2_usize, 1..4_u64).prop_map(|(member, cost)| Step::Credit(member, cost)),
    ];
    vec(step, 1..40)
}

/// Two limits on one clock.
struct Members<A: Rule, B: Rule> {
    clock: Manual,
    one: Local<A, Direct, Manual>,
    other: Local<B, Direct, Manual>,
}

impl<A: Rule, B: Rule> Members<A, B> {
    fn new(one: &A, other: &B) -> Self {
        let clock = Manual::new();
        clock.set(START);
        Self {
            one: Local::builder(one.clone()).clock(clock.clone()).direct(),
            other: Local::builder(other.clone()).clock(clock.clone()).direct(),
            clock,
        }
    }

    fn all(&self, cost: Cost) -> bool {
        let all = All((self.one.clone(), self.other.clone())).one_key();
        match Limiter::check(&all, &(), cost) {
            Check::Now(decision) => decision.is_admitted(),
            Check::Later(_) => panic!("nothing to wait for"),
        }
    }

    /// Returns what there is to see of it.
    fn alone(&self, step: &Step) -> impl Debug + PartialEq + use<A, B> {
        match *step {
            Step::Check(0, cost) => return Some(self.one.check(cost)),
            Step::Check(_, cost) => return Some(self.other.check(cost)),
            Step::Debit(0, cost) => self.one.debit(cost),
            Step::Debit(_, cost) => self.other.debit(cost),
            Step::Credit(0, cost) => self.one.credit(cost),
            Step::Credit(_, cost) => self.other.credit(cost),
            Step::Wait(_) | Step::All(_) => unreachable!("both members"),
        }
        None
    }

    fn peek(&self) -> impl Debug + PartialEq + use<A, B> {
        (self.one.peek(), self.other.peek())
    }
}

fn plays<A: Rule, B: Rule>(one: &A, other: &B, steps: &[Step]) {
    let (asked, twin) = (Members::new(one, other), Members::new(one, other));
    let mut now = START;
    for step in steps {
        match *step {
            Step::Wait(ticks) => {
                now += ticks;
                asked.clock.set(now);
                twin.clock.set(now);
            }
            Step::All(cost) => {
                if asked.all(cost) {
                    assert!(twin.all(cost), "{step:?}");
                }
            }
            _ => assert_eq!(asked.alone(step), twin.alone(step), "{step:?}"),
        }
        assert_eq!(asked.peek(), twin.peek(), "after {step:?}");
    }
}

fn quota() -> impl Strategy<Value = Quota> {
    let quota = |(amount, period)| Quota::new(amount, Duration::from_micros(period)).unwrap();
    (2_u64..20, 10_000_u64..100_000).prop_map(quota)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_refused_all_leaves_every_member_as_it_was(
        quota in quota(),
        small in quota(),
        steps in steps(),
    ) {
        let other = TokenBucket::new(small);
        plays(&TokenBucket::new(quota), &other, &steps);
        plays(&LeakyBucket::meter(quota), &other, &steps);
        plays(&LeakyBucket::new(quota), &other, &steps);
        plays(&SlidingWindow::new(quota), &other, &steps);
        plays(&FixedWindow::new(quota), &other, &steps);
        plays(&SlidingLog::new(quota), &other, &steps);
        plays(&other, &SlidingLog::new(quota), &steps);
        plays(&SlidingLog::new(small), &SlidingLog::new(quota), &steps);
    }
}
