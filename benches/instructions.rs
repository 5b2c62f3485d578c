//! Makes decisions for an instruction counter, which counts the same in each run and
//! under any load.
//!
//! `scripts/instructions` runs each of its rows under callgrind and prints a table of
//! instructions for each decision. Here is what it counts: the calls of `measured`.

#[allow(dead_code, reason = "each bench uses a part of it")]
mod workload;

use std::{env, hint::black_box, time::Duration};

use sluicegate::limit::{Direct, LeakyBucket, Local, Quota, Rule, SlidingWindow, TokenBucket};

use workload::{keys::Order, ours::deep};

/// The number of keys, and of the places for them.
const KEYS: usize = 1_000;

fn main() {
    let mut arguments = env::args().skip(1).filter(|word| !word.starts_with("--"));
    let row = arguments.next().expect("the name of a row");
    let count = arguments.next().expect("a number of decisions");
    let count: usize = count.parse().expect("a number of decisions");
    let wide = Quota::new(50_000_000, Duration::from_millis(500)).expect("a valid quota");
    match &*row {
        "direct" => direct(TokenBucket::new(deep()), count),
        "direct, leaky bucket" => direct(LeakyBucket::new(deep()), count),
        "direct, sliding window" => direct(SlidingWindow::new(wide), count),
        "direct, nothing" => measured(count, |_| true),
        "keyed" => keyed(TokenBucket::new(deep()), count),
        "keyed, leaky bucket" => keyed(LeakyBucket::new(deep()), count),
        "keyed, sliding window" => keyed(SlidingWindow::new(wide), count),
        "keyed, nothing" => {
            let order = Order::uniform(KEYS);
            measured(count, |step| {
                *black_box(&(order.key(step) as u32)) < u32::MAX
            });
        }
        _ => panic!("there is no row `{row}`"),
    }
}

fn direct(rule: impl Rule, count: usize) {
    let limiter: Local<_, Direct> = Local::direct(rule);
    measured(count, |_| limiter.check(black_box(1)).is_admitted());
}

fn keyed(rule: impl Rule, count: usize) {
    let limiter = Local::builder(rule).capacity(KEYS).keyed();
    let order = Order::uniform(KEYS);
    for key in order.every() {
        assert!(limiter.check(&(key as u32), 1).is_admitted());
    }
    measured(count, |step| {
        let key = order.key(step) as u32;
        limiter.check(black_box(&key), black_box(1)).is_admitted()
    });
}

/// What is counted. It checks at its end that all requests were admitted.
#[inline(never)]
fn measured(count: usize, mut decide: impl FnMut(usize) -> bool) {
    let admitted = (0..count).filter(|step| decide(*step)).count();
    assert_eq!(admitted, count);
}
