//! `limitador` in memory, whose shortest window is a second.

use std::{thread, time::Instant};

use lab::compare::candidates::{Answer, Player};
use limitador::{
    RateLimiter,
    limit::{Context, Limit},
};

use crate::support::{player, until_unambiguous};

const SECOND: u64 = 1_000_000;

/// A limit of three, and the origin of the instants.
struct Real(RateLimiter, Instant);

/// A call: its answer, and the microseconds before and after.
struct Call {
    passed: bool,
    /// The time until the window ends, in seconds, as headers have it.
    reset: String,
    before: u64,
    after: u64,
}

impl Real {
    fn new(seconds: u64) -> Self {
        let limiter = RateLimiter::new(100);
        limiter.add_limit(Limit::new("lab", 3, seconds, [], []));
        Self(limiter, Instant::now())
    }

    fn ask(&self) -> Call {
        let now = || self.1.elapsed().as_micros() as u64;
        let before = now();
        let answer = self
            .0
            .check_rate_limited_and_update(&"lab".into(), &Context::default(), 1);
        let (mut answer, after) = (answer.unwrap(), now());
        Call {
            passed: !answer.limited,
            reset: answer.response_header()["X-RateLimit-Reset"].clone(),
            before,
            after,
        }
    }
}

fn passes(model: &mut dyn Player, at: u64) -> bool {
    matches!(model.ask(0, at), Answer::Pass { .. })
}

/// Asks three times more than the limit has left; `None` if that takes too long. All
/// calls are surely in the window that began at `begin` at the earliest.
fn fill(real: &Real, model: &mut dyn Player, begin: u64, left: usize) -> Option<()> {
    for number in 0..left + 3 {
        let call = real.ask();
        if call.after >= begin + SECOND {
            return None;
        }
        assert_eq!(passes(model, call.after), call.passed, "call {number}");
        assert_eq!(call.passed, number < left, "call {number}");
    }
    Some(())
}

/// The first window begins with the first request; the second one when a request
/// comes after its end, and not at a multiple of its length.
#[test]
fn a_window_begins_with_a_request_and_counts_no_refusals() {
    until_unambiguous(|| {
        let (real, mut model) = (Real::new(1), player("limitador", "3/s"));
        let first = real.ask();
        assert!(first.passed && passes(&mut *model, first.before));
        fill(&real, &mut *model, first.before, 2)?;
        let second = loop {
            let call = real.ask();
            if call.passed {
                break call;
            }
            // Surely after the end, and still refused.
            assert!(call.before < first.after + SECOND);
            thread::yield_now();
        };
        // Surely before the end, and yet admitted.
        assert!(second.after >= first.before + SECOND);
        assert!(passes(&mut *model, second.after));
        fill(&real, &mut *model, second.before, 2)
    });
}

#[test]
fn clients_are_told_the_end_of_the_window_in_seconds_rounded_down() {
    until_unambiguous(|| {
        let (real, mut model) = (Real::new(60), player("limitador", "3/m"));
        let first = real.ask();
        let rest = [real.ask(), real.ask()];
        assert!(first.passed && rest.iter().all(|call| call.passed));
        for _ in 0..3 {
            assert!(passes(&mut *model, 0));
        }
        let refused = real.ask();
        assert!(!refused.passed);
        let earliest = refused.before - first.after;
        let latest = refused.after - first.before;
        let told = [earliest, latest].map(|at| model.ask(0, at));
        if told[0] != told[1] {
            return None;
        }
        let seconds = refused.reset.parse::<u64>().unwrap();
        let retry = Some(seconds * SECOND);
        assert_eq!(told[0], Answer::Refuse { retry });
        Some(())
    });
}
