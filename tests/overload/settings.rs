//! Bad settings, and settings at their limits.

use std::{
    panic::{UnwindSafe, catch_unwind},
    time::Duration,
};

use sluicegate::{
    concurrency::{Adaptive, Ask, ConcurrencyLayer, Direct, Entry, Local, Queue, Rank},
    criticality::Criticality::{self, Critical, CriticalPlus, Sheddable, SheddablePlus},
};

use crate::support::{admitted, ask, queued};

/// Returns the message of a panic.
#[track_caller]
fn message<T>(of: impl FnOnce() -> T + UnwindSafe) -> String {
    let Err(panic) = catch_unwind(of) else {
        panic!("it was accepted");
    };
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref().cloned()).unwrap()
}

#[test]
fn each_bad_setting_is_refused_with_the_setting_and_what_is_allowed() {
    let local = || Local::builder(1);
    let reserve = |share| move || Local::builder(1).reserve(Critical, share);
    let messages = [
        message(|| Local::new(1 << 24)),
        message(|| Local::keyed(0)),
        message(|| Local::builder(u32::MAX)),
        message(|| Local::new(1).set_limit(0)),
        message(|| Adaptive::gradient().min(0)),
        message(|| Adaptive::gradient().max(u32::MAX)),
        message(|| Adaptive::gradient().percentile(f64::NAN)),
        message(|| Adaptive::gradient().tolerance(0.9)),
        message(|| Adaptive::gradient().window(Duration::ZERO)),
        message(|| Adaptive::aimd().backoff(1.0)),
        message(|| local().reserve(Sheddable, 0.1)),
        message(reserve(0.0)),
        message(reserve(-1.0)),
        message(reserve(f64::NAN)),
        message(reserve(f64::INFINITY)),
        message(|| local().reserve(Critical, 0.6).reserve(CriticalPlus, 0.4)),
        message(|| Queue::new(1).max_wait(Duration::MAX)),
        message(|| ConcurrencyLayer::new(Local::new(1)).retry_after(Duration::ZERO)),
        message(|| Rank::new(Critical, Rank::COHORTS)),
    ];
    for message in messages {
        let is_clear = message.starts_with("invalid ") && message.contains(": must be ");
        assert!(is_clear, "{message}");
    }
}

/// Returns how many requests of a level pass at once.
fn capacity(permits: &Local<Direct>, level: Criticality) -> u32 {
    let mut held = Vec::new();
    while let Entry::Admitted(permit) = permits.acquire(ask(level)) {
        held.push(permit);
    }
    u32::try_from(held.len()).unwrap()
}

#[test]
fn a_reserve_leaves_lower_levels_the_whole_part_of_the_rest_of_each_limit() {
    for (limit, percent) in (1..=10).flat_map(|limit| (1..100).map(move |it| (limit, it))) {
        let permits = Local::builder(limit).reserve(Critical, f64::from(percent) / 100.0);
        let passed = Criticality::ALL.map(|level| capacity(&permits.clone().build(), level));
        let rest = limit * (100 - percent) / 100;
        assert_eq!(passed, [rest, rest, limit, limit], "{percent} % of {limit}");
    }
}

#[test]
fn reserves_of_several_levels_add_up_at_each_limit() {
    for limit in 1..=10 {
        let permits = Local::builder(limit)
            .reserve(CriticalPlus, 0.1)
            .reserve(Critical, 0.2)
            .reserve(SheddablePlus, 0.3)
            .build();
        let passed = Criticality::ALL.map(|level| capacity(&permits, level));
        let tenths = [4, 7, 9, 10].map(|tenths| limit * tenths / 10);
        assert_eq!(passed, tenths, "of {limit}");
    }
}

#[test]
fn the_highest_limit_and_the_longest_queue_work() {
    const MOST: u32 = (1 << 24) - 1;
    let permits = Local::builder(MOST).reserve(Critical, 0.2).build();
    drop(admitted(permits.acquire(ask(Sheddable))));
    assert_eq!((permits.load().limit, permits.load().in_flight), (MOST, 0));
    let adaptive = Local::builder(MOST).build_adaptive(Adaptive::gradient().max(MOST));
    assert_eq!(adaptive.load().limit, MOST);

    let permits = Local::builder(1).queue(Queue::new(usize::MAX)).build();
    let _held = admitted(permits.acquire(Ask::new()));
    drop(queued(permits.acquire(Ask::new())));
}
