//! The laws of `trait Rule`, for every rule.

use proptest::prelude::*;
use sluicegate::{
    clock::Tick,
    limit::{
        Cost, FixedWindow, LeakyBucket, Quota, Rule, SlidingLog, SlidingWindow, TokenBucket,
        Verdict,
    },
};

use crate::support::{Arrival, START, play, quota, small_quota, with_arrivals};

/// Denied one tick before the promised instant, admitted at it.
fn keeps_its_promise<R: Rule>(rule: &R, arrivals: &[Arrival]) {
    play(rule, arrivals, |before, now, cost, decision| {
        if decision.is_admitted() {
            return;
        }
        let Some(retry) = decision.retry_after() else {
            assert!(
                cost > decision.limit(),
                "only what is above the limit never passes"
            );
            return;
        };
        let retry = retry.as_micros() as Tick;
        assert!(retry > 0, "whatever passes now is not denied");
        let ask = |at| rule.decide(&mut before.clone(), at, cost);
        assert!(
            ask(now + retry - 1).is_denied(),
            "passes before the promised instant"
        );
        assert!(
            ask(now + retry).is_admitted(),
            "does not pass at the promised instant"
        );
    });
}

/// A denial leaves the state unchanged.
fn denies_without_a_trace<R: Rule>(rule: &R, arrivals: &[Arrival]) {
    play(rule, arrivals, |before, now, cost, decision| {
        if decision.is_denied() {
            let mut asked = before.clone();
            rule.decide(&mut asked, now, cost);
            for at in [now, now + 1, now + 1_000] {
                let (mut a, mut b) = (asked.clone(), before.clone());
                assert_eq!(rule.decide(&mut a, at, 1), rule.decide(&mut b, at, 1));
            }
        }
    });
}

/// At the end of its life a bucket is as good as new, and not before that.
fn forgets_at_the_end_of_its_life<R: Rule>(rule: &R, arrivals: &[Arrival]) {
    play(rule, arrivals, |state, now, cost, _| {
        let life = rule.life(state, now);
        assert!(
            life <= rule.horizon() || now < START,
            "lives beyond the horizon"
        );
        let fresh = rule.decide(&mut R::State::default(), now + life, cost);
        assert_eq!(rule.decide(&mut state.clone(), now + life, cost), fresh);
        if life > 0 {
            let reset = rule
                .decide(&mut state.clone(), now + life - 1, 0)
                .reset_after();
            assert!(!reset.is_zero(), "alive, and yet whole");
        }
    });
}

/// The bucket later behaves as the decision says.
fn tells_the_truth<R: Rule>(rule: &R, arrivals: &[Arrival]) {
    play(rule, arrivals, |before, now, cost, decision| {
        let mut state = before.clone();
        rule.decide(&mut state, now, cost);
        let ask = |at: Tick, cost| rule.decide(&mut state.clone(), at, cost);
        let (remaining, limit) = (decision.remaining(), decision.limit());
        assert!(
            ask(now, remaining).is_admitted() || remaining == 0,
            "what remains can be had"
        );
        assert!(
            ask(now, remaining + 1).is_denied(),
            "no more than what remains"
        );
        let more = decision.more_after().as_micros() as Tick;
        if remaining < limit {
            assert!(
                ask(now + more, remaining + 1).is_admitted(),
                "more is there when promised"
            );
            assert!(
                ask(now + more - 1, remaining + 1).is_denied(),
                "and not sooner"
            );
        }
        let reset = decision.reset_after().as_micros() as Tick;
        assert_eq!(
            ask(now + reset, 0).remaining(),
            limit,
            "whole after the reset"
        );
    });
}

/// After a reservation the bucket behaves as the decision says, as seen from now:
/// there is more when it says so, and not a tick before.
fn books_the_truth<R: Rule>(rule: &R, arrivals: &[Arrival]) {
    play(rule, arrivals, |before, now, cost, decision| {
        let Some(retry) = decision.retry_after().filter(|_| !rule.queues()) else {
            return;
        };
        let mut state = before.clone();
        let booked = rule.book(&mut state, now, cost, retry.as_micros() as Tick);
        assert_eq!(booked.verdict(), Verdict::Queue(retry));
        let ask = |at: Tick, cost| rule.decide(&mut state.clone(), at, cost);
        let (remaining, limit) = (booked.remaining(), booked.limit());
        let more = booked.more_after().as_micros() as Tick;
        if remaining < limit {
            assert!(
                ask(now + more, remaining + 1).is_admitted(),
                "more is there when promised"
            );
            assert!(
                ask(now + more - 1, remaining + 1).is_denied(),
                "and not sooner"
            );
        }
        let reset = booked.reset_after().as_micros() as Tick;
        assert_eq!(ask(now + reset, 0).remaining(), limit, "whole after it");
    });
}

/// Credit gives back, but no more than there was.
fn credits_up_to_full<R: Rule>(rule: &R, arrivals: &[Arrival]) {
    play(rule, arrivals, |state, now, _, decision| {
        let mut state = state.clone();
        rule.credit(&mut state, now, 1);
        let after = rule.decide(&mut state, now, 0).remaining();
        assert!(after <= decision.limit());
        // Windows remember a debt of their limit at least.
        let debt = decision.limit().min(5);
        rule.debit(&mut state, now, debt);
        rule.credit(&mut state, now, debt);
        assert_eq!(
            rule.decide(&mut state, now, 0).remaining(),
            after,
            "given back what was taken"
        );
        rule.credit(&mut state, now, u64::MAX);
        assert!(rule.decide(&mut state, now, 0).remaining() <= decision.limit());
    });
}

/// A charge can be undone completely at once. Undone later, it never lets more
/// pass than without the charge. `pick` chooses the charge that is undone.
fn undoes_what_was_charged<R: Rule>(rule: &R, arrivals: &[Arrival], pick: usize) {
    let (mut with, mut without) = (R::State::default(), R::State::default());
    let (mut now, mut charge) = (START, None);
    for (index, arrival) in arrivals.iter().enumerate() {
        now += arrival.after;
        if index == pick % arrivals.len() {
            charge = charged(rule, &mut with, now, arrival.cost.max(1));
        } else if rule.decide(&mut with, now, arrival.cost).is_admitted() {
            assert!(rule.decide(&mut without, now, arrival.cost).is_admitted());
        }
        let Some((cost, at, mark)) = charge else {
            continue;
        };
        let mut undone = with.clone();
        let back = rule.undo(&mut undone, now, cost, at, mark);
        assert!(back == cost || index > pick % arrivals.len());
        for (later, cost) in [(0, 0), (0, 1), (1, 2), (1_000, 1), (70_000, 5)] {
            let ask = |state: &R::State| rule.decide(&mut state.clone(), now + later, cost);
            let (undone, without) = (ask(&undone), ask(&without));
            assert!(
                undone.is_denied() || without.is_admitted(),
                "given back too much"
            );
            if index == pick % arrivals.len() {
                assert_eq!(undone, without, "given back too little");
            }
        }
    }
}

/// A charge of which a part is undone later leaves what a charge of the rest
/// alone would have left, if no other request came in between. `pick` chooses
/// how much is left.
fn undoes_a_part<R: Rule>(rule: &R, arrivals: &[Arrival], pick: usize) {
    let (mut state, mut now) = (R::State::default(), START);
    for arrival in arrivals {
        now += arrival.after;
        let (mut with, mut without) = (state.clone(), state.clone());
        let cost = arrival.cost.max(1);
        let left = pick as Cost % (cost + 1);
        if let Some((cost, at, mark)) = charged(rule, &mut with, now, cost) {
            rule.decide(&mut without, now, left);
            for later in [
                0,
                1,
                999,
                70_000,
                1_000_000,
                rule.horizon() / 2,
                rule.horizon(),
            ] {
                let (then, mut undone) = (now + later, with.clone());
                rule.undo(&mut undone, then, cost - left, at, mark);
                for (more, asked) in [(0, 0), (0, 1), (1, 2), (1_000, 1), (70_000, 5)] {
                    let ask =
                        |state: &R::State| rule.decide(&mut state.clone(), then + more, asked);
                    assert_eq!(
                        ask(&undone),
                        ask(&without),
                        "{left} of {cost} after {later}"
                    );
                }
            }
        }
        rule.decide(&mut state, now, arrival.cost);
    }
}

/// Charges, and answers what it takes to undo that.
fn charged<R: Rule>(
    rule: &R,
    state: &mut R::State,
    now: Tick,
    cost: Cost,
) -> Option<(Cost, Tick, u64)> {
    let at = match rule.decide(state, now, cost).verdict() {
        Verdict::Admit => now,
        Verdict::Queue(wait) => now + wait.as_micros() as Tick,
        Verdict::Deny => return None,
    };
    Some((cost, at, rule.mark(state, at)))
}

/// A clock that steps back admits no more than one that stands still.
fn mints_nothing_when_time_steps_back<R: Rule>(rule: &R, arrivals: &[Arrival], back: Tick) {
    let back = back % rule.lifetime();
    let mut now = START;
    let state = play(rule, arrivals, |_, at, _, _| now = at);
    for cost in [1, 2, 7] {
        let earlier = rule.decide(&mut state.clone(), now - back, cost);
        let still = rule.decide(&mut state.clone(), now, cost);
        assert!(
            earlier.is_denied() || still.is_admitted(),
            "{back} back, {cost} passes"
        );
    }
}

/// However far a clock steps back, a bucket without debt is whole again after twice
/// the time in which an empty one is.
fn forgets_though_time_steps_back<R: Rule>(rule: &R, arrivals: &[Arrival], back: Tick) {
    let back = back % rule.lifetime();
    let mut now = START;
    let mut state = play(rule, arrivals, |_, at, _, _| now = at);
    let now = now - back;
    rule.decide(&mut state, now, 1);
    let life = rule.life(&state, now);
    assert!(life <= 2 * rule.horizon(), "lives for {life} after {back}");
}

/// The largest debt that the rule tells is remembered to the last token.
fn remembers_its_largest_debt<R: Rule>(rule: &R) {
    let mut state = R::State::default();
    let (limit, most) = (rule.decide(&mut state, START, 0).limit(), rule.max_debit());
    assert!(most >= limit);
    rule.debit(&mut state, START, most);
    for (credit, remaining) in [(most - limit, 0), (1, 1)] {
        rule.credit(&mut state, START, credit);
        assert_eq!(rule.decide(&mut state, START, 0).remaining(), remaining);
    }
}

fn laws<R: Rule>(rule: &R, arrivals: &[Arrival], back: Tick) {
    keeps_its_promise(rule, arrivals);
    denies_without_a_trace(rule, arrivals);
    forgets_at_the_end_of_its_life(rule, arrivals);
    tells_the_truth(rule, arrivals);
    books_the_truth(rule, arrivals);
    credits_up_to_full(rule, arrivals);
    mints_nothing_when_time_steps_back(rule, arrivals, back);
    forgets_though_time_steps_back(rule, arrivals, back);
    remembers_its_largest_debt(rule);
    undoes_what_was_charged(rule, arrivals, back as usize);
    undoes_a_part(rule, arrivals, back as usize);
}

fn case(
    quota: impl Strategy<Value = Quota>,
    size: fn(&Quota) -> u64,
) -> impl Strategy<Value = (Quota, Vec<Arrival>, Tick)> {
    (with_arrivals(quota, size), 0..START / 2)
        .prop_map(|((quota, arrivals), back)| (quota, arrivals, back))
}

proptest! {
    #[test]
    fn of_the_token_bucket((quota, arrivals, back) in case(quota(), Quota::burst_size)) {
        laws(&TokenBucket::new(quota), &arrivals, back);
    }

    #[test]
    fn of_the_leaky_bucket((quota, arrivals, back) in case(quota(), Quota::burst_size)) {
        laws(&LeakyBucket::new(quota), &arrivals, back);
    }

    #[test]
    fn of_the_leaky_bucket_as_a_meter((quota, arrivals, back) in case(quota(), Quota::burst_size)) {
        laws(&LeakyBucket::meter(quota), &arrivals, back);
    }

    #[test]
    fn of_the_sliding_window((quota, arrivals, back) in case(quota(), Quota::amount)) {
        laws(&SlidingWindow::new(quota), &arrivals, back);
    }

    #[test]
    fn of_the_fixed_window((quota, arrivals, back) in case(quota(), Quota::amount)) {
        laws(&FixedWindow::new(quota), &arrivals, back);
    }

    #[test]
    fn of_the_sliding_log((quota, arrivals, back) in case(small_quota(), Quota::amount)) {
        laws(&SlidingLog::new(quota), &arrivals, back);
    }
}
