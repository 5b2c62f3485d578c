//! The limiters of this crate.

use std::{hash::Hash, hint::black_box, time::Duration};

use sluicegate::{
    clock::{Clock, Coarse},
    limit::{Local, Quota, Rule, TokenBucket},
};

use super::{
    keys::{Names, Order, name, scramble},
    side::Side,
};

/// A clock that advances every millisecond.
pub(crate) fn coarse() -> Coarse {
    Coarse::start(Duration::from_millis(1)).expect("a thread")
}

/// One bucket that is never empty: it gets a token every nanosecond.
pub(crate) fn direct(clock: impl Clock) -> Side {
    let quota = Quota::per_second(1_000_000_000).burst(u64::from(u32::MAX));
    direct_by(TokenBucket::new(quota), clock)
}

/// One bucket of any rule, which must admit every request.
pub(crate) fn direct_by(rule: impl Rule, clock: impl Clock) -> Side {
    let limiter = Local::builder(rule).clock(clock).direct();
    Side::admitting(limiter, |limiter, _| {
        black_box(limiter.check(black_box(1))).is_admitted()
    })
}

/// A bucket for each number, in use and never empty, in a table that all keys just fill.
pub(crate) fn by_number(order: &Order) -> Side {
    by_number_within(order, order.keys)
}

/// The same in a table for so many keys.
pub(crate) fn by_number_within(order: &Order, capacity: usize) -> Side {
    let builder = Local::builder(TokenBucket::new(deep()));
    let limiter = builder.capacity(capacity).keyed();
    fill(&limiter, order.every());
    Side::admitting((limiter, order.clone()), ask_by_number)
}

/// The same after other keys have come and gone: three for each place, one at a time,
/// each in the place of one that is whole again.
pub(crate) fn churned_by_number(order: &Order) -> Side {
    let builder = Local::builder(TokenBucket::new(deep()));
    let limiter = builder.capacity(order.keys).keyed();
    let mut present: Vec<u64> = strangers(order.keys).take(order.keys).collect();
    fill(&limiter, present.iter().copied());
    let newcomers = strangers(4 * order.keys).skip(order.keys);
    for (step, key) in newcomers.chain(order.every()).enumerate() {
        // The keys of the race come at last, each once, in random places.
        let at = leaving(step, order.keys);
        limiter.reset(&present[at]);
        present[at] = key;
        fill(&limiter, [key].into_iter());
    }
    assert_eq!(limiter.forgotten(), 0, "all keys fit");
    Side::admitting((limiter, order.clone()), ask_by_number)
}

/// Keys that are not in the order.
pub(crate) fn strangers(count: usize) -> impl Iterator<Item = u64> {
    (0..count as u64).map(|key| u64::MAX - key)
}

/// The place of the key that leaves in a step: a random one, and at last each once.
pub(crate) fn leaving(step: usize, keys: usize) -> usize {
    match step.checked_sub(3 * keys) {
        Some(at) => at,
        None => scramble(step as u64) as usize % keys,
    }
}

/// A bucket for each number, full again whenever it is looked at.
pub(crate) fn full_by_number(order: &Order) -> Side {
    let quota = Quota::per_second(1_000_000_000).burst(u64::from(u32::MAX));
    let limiter = table(TokenBucket::new(quota), order);
    for key in order.every() {
        assert!(limiter.check(&key, 1).is_admitted());
    }
    Side::admitting((limiter, order.clone()), ask_by_number)
}

/// An empty bucket for each number, in a table that all keys just fill.
pub(crate) fn dry_by_number(order: &Order) -> Side {
    let builder = Local::builder(TokenBucket::new(Quota::per_hour(1)));
    let limiter = builder.capacity(order.keys).keyed();
    for key in order.every() {
        assert!(limiter.check(&key, 1).is_admitted());
    }
    Side::denying((limiter, order.clone()), ask_by_number)
}

/// A bucket of any rule for each number; the rule must admit every request.
pub(crate) fn by_number_by(rule: impl Rule, order: &Order) -> Side {
    Side::admitting((table(rule, order), order.clone()), ask_by_number)
}

/// A bucket for each name, in use and never empty, with keys of `&str`.
pub(crate) fn by_name(order: &Order) -> Side {
    let limiter = table(TokenBucket::new(deep()), order);
    fill(&limiter, order.every().map(name));
    Side::admitting((limiter, Names::of(order)), |(limiter, names), step| {
        let name = black_box(names.name(step));
        black_box(limiter.check(name, black_box(1))).is_admitted()
    })
}

/// One token a second: a bucket stays in use for as many seconds as it has tokens, and
/// no bench uses all of them.
pub(crate) fn deep() -> Quota {
    Quota::per_second(1).burst(u64::from(u32::MAX))
}

/// A table of the default capacity, or one that all keys just fill.
fn table<R: Rule>(rule: R, order: &Order) -> Local<R> {
    let capacity = order.keys.max(100_000);
    Local::builder(rule).capacity(capacity).keyed()
}

/// A quota that keeps every bucket in use for an hour.
fn fill<K: Hash>(limiter: &Local<TokenBucket>, keys: impl Iterator<Item = K>) {
    for key in keys {
        assert!(limiter.check(&key, 3_600).is_admitted());
    }
}

fn ask_by_number<R: Rule>((limiter, order): &mut (Local<R>, Order), step: usize) -> bool {
    let key = order.key(step) as u64;
    black_box(limiter.check(&black_box(key), black_box(1))).is_admitted()
}
