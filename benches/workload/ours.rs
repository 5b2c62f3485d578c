//! This crate's limiters, ready to be asked.

use std::{hash::Hash, hint::black_box, time::Duration};

use sluicegate::{
    clock::{Clock, Coarse},
    limit::{Local, Quota, Rule, TokenBucket},
};

use super::{
    keys::{Names, Order, name},
    side::Side,
};

/// A clock that moves once in a millisecond.
pub(crate) fn coarse() -> Coarse {
    Coarse::start(Duration::from_millis(1)).expect("a thread")
}

/// One bucket that never runs dry: a token in a billionth of a second.
pub(crate) fn direct(clock: impl Clock) -> Side {
    let quota = Quota::per_second(1_000_000_000).burst(u64::from(u32::MAX));
    direct_by(TokenBucket::new(quota), clock)
}

/// One bucket of any rule, which must admit.
pub(crate) fn direct_by(rule: impl Rule, clock: impl Clock) -> Side {
    let limiter = Local::builder(rule).clock(clock).direct();
    Side::admitting(limiter, |limiter, _| {
        black_box(limiter.check(black_box(1))).is_admitted()
    })
}

/// A bucket for each number, alive and never dry.
pub(crate) fn by_number(order: &Order) -> Side {
    let limiter = table(TokenBucket::new(deep()), order);
    fill(&limiter, order.every());
    Side::admitting((limiter, order.clone()), ask_by_number)
}

/// A bucket for each number, dry.
pub(crate) fn dry_by_number(order: &Order) -> Side {
    let limiter = table(TokenBucket::new(Quota::per_hour(1)), order);
    for key in order.every() {
        assert!(limiter.check(&key, 1).is_admitted());
    }
    Side::denying((limiter, order.clone()), ask_by_number)
}

/// A bucket of any rule for each number; the rule must admit.
pub(crate) fn by_number_by(rule: impl Rule, order: &Order) -> Side {
    Side::admitting((table(rule, order), order.clone()), ask_by_number)
}

/// A bucket for each name, alive and never dry, asked for by `&str`.
pub(crate) fn by_name(order: &Order) -> Side {
    let limiter = table(TokenBucket::new(deep()), order);
    fill(&limiter, order.every().map(name));
    Side::admitting((limiter, Names::of(order)), |(limiter, names), step| {
        let name = black_box(names.name(step));
        black_box(limiter.check(name, black_box(1))).is_admitted()
    })
}

/// A token in a second: what a bucket is filled with lasts that long, and
/// nobody gets to its end.
pub(crate) fn deep() -> Quota {
    Quota::per_second(1).burst(u64::from(u32::MAX))
}

/// A table as it is unless told otherwise, or one that all keys just fill.
fn table<R: Rule>(rule: R, order: &Order) -> Local<R> {
    let capacity = order.keys.max(100_000);
    Local::builder(rule).capacity(capacity).keyed()
}

/// Keeps every key alive for an hour.
fn fill<K: Hash>(limiter: &Local<TokenBucket>, keys: impl Iterator<Item = K>) {
    for key in keys {
        assert!(limiter.check(&key, 3_600).is_admitted());
    }
}

fn ask_by_number<R: Rule>((limiter, order): &mut (Local<R>, Order), step: usize) -> bool {
    let key = order.key(step) as u64;
    black_box(limiter.check(&black_box(key), black_box(1))).is_admitted()
}
