//! Holds against a ledger: whatever comes in between, a budget never has more
//! left than if each hold had charged only what it was settled for.

use std::{mem, sync::Mutex, time::Duration};

use proptest::{collection::vec, prelude::*};
use sluicegate::{
    clock::{Manual, Tick},
    limit::{
        All, Check, Cost, Decision, Direct, FixedWindow, GiveBack, Hold, HoldError, HoldLimiter,
        Holding, LeakyBucket, Limiter, Local, OneKey, Quota, Rule, SlidingLog, SlidingWindow,
        TokenBucket, Wait,
    },
};

use crate::support::START;

/// Quotas whose buckets fill neither at once nor hardly at all in a history.
fn quota() -> impl Strategy<Value = Quota> {
    let quota = |(amount, period)| Quota::new(amount, Duration::from_micros(period)).unwrap();
    (10_u64..40, 10_000_u64..100_000).prop_map(quota)
}

/// A step of a history. Holds are chosen by their index among those that are
/// open.
#[derive(Clone, Debug)]
enum Step {
    Wait(Tick),
    Check(Cost),
    Hold(Cost),
    Settle(usize, Cost),
    Keep(usize),
    GiveBack(usize),
    Drop(usize),
    Credit(Cost),
    Reset,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..30_000_u64).prop_map(Step::Wait),
        1 => (0..2_u64).prop_map(Step::Wait),
        2 => (0..4_u64).prop_map(Step::Check),
        4 => (0..8_u64).prop_map(Step::Hold),
        3 => (any::<usize>(), 0..10_u64).prop_map(|(hold, actual)| Step::Settle(hold, actual)),
        1 => any::<usize>().prop_map(Step::Keep),
        3 => any::<usize>().prop_map(Step::GiveBack),
        1 => any::<usize>().prop_map(Step::Drop),
        1 => (1..8_u64).prop_map(Step::Credit),
        1 => Just(Step::Reset),
    ];
    vec(step, 1..40)
}

/// A change of a budget.
#[derive(Clone, Copy)]
enum Change {
    Charge(Cost),
    Credit(Cost),
    Reset,
}

/// What happened, and when: checks, and holds as far as they are settled.
#[derive(Default)]
struct Ledger(Vec<(Tick, Change)>);

impl Ledger {
    fn charge(&mut self, at: Tick, cost: Cost) -> usize {
        self.0.push((at, Change::Charge(cost)));
        self.0.len() - 1
    }

    /// Under-use was never charged; over-use is charged now.
    fn settle(&mut self, entry: usize, now: Tick, actual: Cost) {
        let Change::Charge(charged) = &mut self.0[entry].1 else {
            unreachable!("a hold is a charge");
        };
        let over = actual.saturating_sub(*charged);
        *charged = actual.min(*charged);
        self.charge(now, over);
    }

    /// Returns what a bucket has left to which all of that happened.
    fn remaining<R: Rule>(&self, rule: &R, now: Tick) -> Cost {
        let mut state = R::State::default();
        for (at, change) in &self.0 {
            match *change {
                Change::Charge(cost) => rule.debit(&mut state, *at, cost),
                Change::Credit(cost) => rule.credit(&mut state, *at, cost),
                Change::Reset => state = R::State::default(),
            }
        }
        rule.decide(&mut state, now, 0).remaining()
    }
}

type OpenHold = (usize, Hold<GiveBack>);

/// A limiter with what it takes to play a history on it.
struct Player<'a, R: Rule> {
    rule: &'a R,
    limiter: &'a Local<R, Direct, Manual>,
    clock: &'a Manual,
    hold: &'a dyn Fn(Cost) -> Option<Hold>,
    check: Box<dyn Fn(Cost) -> bool + 'a>,
    ledger: Ledger,
    open: Vec<OpenHold>,
    now: Tick,
}

impl<R: Rule> Player<'_, R> {
    fn play(mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
            let (is, at_most) = (
                self.limiter.peek().remaining(),
                self.ledger.remaining(self.rule, self.now),
            );
            assert!(
                is <= at_most,
                "{is} left instead of {at_most} after {step:?}"
            );
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Wait(ticks) => {
                self.now += ticks;
                self.clock.set(self.now);
            }
            Step::Check(cost) => {
                if (self.check)(cost) {
                    self.ledger.charge(self.now, cost);
                }
            }
            Step::Hold(cost) => {
                if let Some(hold) = (self.hold)(cost) {
                    assert_eq!(hold.estimate(), cost);
                    let entry = self.ledger.charge(self.now, cost);
                    self.open.push((entry, hold.or_give_back()));
                }
            }
            Step::Settle(hold, actual) => self.end(hold, |_| actual, |hold| hold.settle(actual)),
            Step::Keep(hold) => self.end(hold, |estimate| estimate, Hold::keep),
            Step::GiveBack(hold) => self.end(hold, |_| 0, Hold::give_back),
            Step::Drop(hold) => self.end(hold, |_| 0, drop),
            Step::Credit(cost) => {
                self.limiter.credit(cost);
                self.ledger.0.push((self.now, Change::Credit(cost)));
            }
            Step::Reset => {
                self.limiter.reset();
                self.ledger.0.push((self.now, Change::Reset));
            }
        }
    }

    fn end(
        &mut self,
        hold: usize,
        actual: impl FnOnce(Cost) -> Cost,
        end: impl FnOnce(Hold<GiveBack>),
    ) {
        if self.open.is_empty() {
            return;
        }
        let (entry, hold) = self.open.swap_remove(hold % self.open.len());
        self.ledger.settle(entry, self.now, actual(hold.estimate()));
        end(hold);
    }
}

fn local<R: Rule>(rule: &R, clock: &Manual) -> Local<R, Direct, Manual> {
    Local::builder(rule.clone()).clock(clock.clone()).direct()
}

/// Holds by `hold`, and checks the limiter itself.
fn player<'a, R: Rule>(
    rule: &'a R,
    limiter: &'a Local<R, Direct, Manual>,
    clock: &'a Manual,
    hold: &'a dyn Fn(Cost) -> Option<Hold>,
) -> Player<'a, R> {
    Player {
        rule,
        limiter,
        clock,
        hold,
        check: Box::new(|cost| limiter.check(cost).is_admitted()),
        ledger: Ledger::default(),
        open: Vec::new(),
        now: START,
    }
}

fn clock() -> Manual {
    let clock = Manual::new();
    clock.set(START);
    clock
}

fn plays<R: Rule>(rule: &R, steps: &[Step]) {
    let clock = clock();
    let limiter = local(rule, &clock);
    player(rule, &limiter, &clock, &|cost| limiter.hold(cost).ok()).play(steps);
}

fn at_once<E: std::fmt::Debug>(holding: Holding<E>) -> Option<Hold> {
    match holding.try_now().unwrap() {
        Ok(hold) => Some(hold),
        Err(HoldError::Denied(_)) => None,
        Err(HoldError::Limiter(error)) => panic!("{error:?}"),
    }
}

/// A large second member denies nothing, and a small one denies often; both
/// members keep the law.
fn plays_in_all<R: Rule>(rule: &R, other: &TokenBucket, steps: &[Step]) {
    for watched in [0, 1] {
        let clock = clock();
        let members = (local(rule, &clock), local(other, &clock));
        let all = All(members.clone()).one_key();
        let hold = |cost| at_once(hold(&all, cost));
        let check = |cost| match Limiter::check(&all, &(), cost) {
            Check::Now(decision) => decision.is_admitted(),
            Check::Later(_) => panic!("nothing to wait for"),
        };
        match watched {
            0 => {
                let player = player(rule, &members.0, &clock, &hold);
                let check = Box::new(check);
                Player { check, ..player }.play(steps);
            }
            _ => {
                let player = player(other, &members.1, &clock, &hold);
                let check = Box::new(check);
                Player { check, ..player }.play(steps);
            }
        }
    }
}

type Both<R, O> = All<OneKey<(Local<R, Direct, Manual>, Local<O, Direct, Manual>)>>;

fn hold<R: Rule>(all: &Both<R, TokenBucket>, cost: Cost) -> Holding {
    HoldLimiter::hold(all, &(), cost)
}

/// A queue in which every caller has to wait for hours.
fn slow_queue(clock: &Manual) -> Local<LeakyBucket, Direct, Manual> {
    let queue = local(&LeakyBucket::new(Quota::per_hour(1)).queue(1_000), clock);
    assert!(queue.check(1).is_admitted());
    queue
}

/// The charge of an `All` that waits for another member. Dropped, it is rolled back,
/// unless it was `forgotten`.
fn pending<R: Rule>(all: &Both<R, LeakyBucket>, cost: Cost, decision: Decision) -> Option<Hold> {
    let wait = Wait::up_to(Duration::from_secs(1 << 30));
    let waits = match Limiter::until_ready(all, &(), cost, wait) {
        Check::Later(waits) => Mutex::new(waits),
        Check::Now(_) => return None,
    };
    let end = move |actual| match actual {
        0 => drop(waits),
        _ => mem::forget(waits),
    };
    Some(Hold::new(decision, cost, end))
}

/// Charges that wait in an `All` are rolled back, or stay.
fn plays_with_dropped_alls<R: Rule>(rule: &R, steps: &[Step]) {
    let (clock, still) = (clock(), Manual::new());
    let limiter = local(rule, &clock);
    let all = All((limiter.clone(), slow_queue(&still))).one_key();
    let whole = |step: &Step| match *step {
        Step::Settle(hold, _) => Step::GiveBack(hold),
        Step::Hold(cost) => Step::Hold(cost.max(1)),
        ref other => other.clone(),
    };
    let steps: Vec<_> = steps.iter().map(whole).collect();
    let hold = |cost| pending(&all, cost, limiter.peek());
    player(rule, &limiter, &clock, &hold).play(&steps);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn an_all_that_is_dropped_leaves_no_more_than_if_it_was_not_asked(
        quota in quota(),
        steps in steps(),
    ) {
        plays_with_dropped_alls(&TokenBucket::new(quota), &steps);
        plays_with_dropped_alls(&LeakyBucket::meter(quota), &steps);
        plays_with_dropped_alls(&SlidingWindow::new(quota), &steps);
        plays_with_dropped_alls(&SlidingLog::new(quota), &steps);
        plays_with_dropped_alls(&FixedWindow::new(quota), &steps);
    }

    #[test]
    fn a_budget_never_has_more_than_was_settled(quota in quota(), steps in steps()) {
        plays(&TokenBucket::new(quota), &steps);
        plays(&LeakyBucket::meter(quota), &steps);
        plays(&SlidingWindow::new(quota), &steps);
        plays(&SlidingLog::new(quota), &steps);
        plays(&FixedWindow::new(quota), &steps);
    }

    #[test]
    fn no_member_of_all_has_more_than_was_settled(
        quota in quota(),
        burst in 1..20_u64,
        steps in steps(),
    ) {
        let other = TokenBucket::new(Quota::new(3, Duration::from_millis(100)).unwrap().burst(burst));
        plays_in_all(&TokenBucket::new(quota), &other, &steps);
        plays_in_all(&SlidingWindow::new(quota), &other, &steps);
        plays_in_all(&SlidingLog::new(quota), &other, &steps);
        plays_in_all(&FixedWindow::new(quota), &other, &steps);
    }
}
