//! The limit: how many permits are in flight at once.

use std::sync::{
    Arc, Barrier,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use sluicegate::{
    concurrency::{Ask, Direct, Entry, Local, Queue, Shed},
    criticality::Criticality::*,
};

use crate::support::{admitted, ask, outcome, queued, refused};

#[test]
fn clones_share_one_limit() {
    let permits = Local::new(1);
    let permit = admitted(permits.clone().acquire(Ask::new()));
    assert_eq!(refused(permits.acquire(Ask::new())), Shed::Full);
    drop(permit);
    drop(admitted(permits.acquire(Ask::new())));
    assert_eq!(permits.usage().in_flight, 0);
}

#[test]
fn a_permit_is_given_back_when_it_is_dropped_and_not_before() {
    let permits = Local::new(3);
    let held: Vec<_> = (1..=3)
        .map(|nth| {
            let permit = admitted(permits.acquire(Ask::new()));
            assert_eq!((permit.in_flight(), permits.usage().in_flight), (nth, nth));
            permit
        })
        .collect();
    refused(permits.acquire(Ask::new()));
    drop(held);
    assert_eq!(permits.usage().in_flight, 0);
}

#[test]
fn a_panic_gives_the_permit_back() {
    let permits = Local::new(1);
    let holder = permits.clone();
    let thread = std::thread::spawn(move || {
        let _permit = admitted(holder.acquire(Ask::new()));
        panic!("on purpose");
    });
    assert!(thread.join().is_err());
    drop(admitted(permits.acquire(Ask::new())));
}

#[test]
fn a_limit_that_shrinks_takes_no_permit_back_and_admits_none_until_fewer_are_in_flight() {
    let permits = Local::new(4);
    let mut held: Vec<_> = (0..4)
        .map(|_| admitted(permits.acquire(Ask::new())))
        .collect();
    permits.set_limit(2);
    assert_eq!((permits.usage().limit, permits.usage().in_flight), (2, 4));
    for left in [3, 2] {
        held.pop();
        assert_eq!(permits.usage().in_flight, left);
        assert_eq!(refused(permits.acquire(Ask::new())), Shed::Full);
    }
    held.pop();
    held.push(admitted(permits.acquire(Ask::new())));
    refused(permits.acquire(Ask::new()));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_grows_lets_waiting_requests_pass() {
    let permits = Local::builder(1).queue(Queue::new(3)).build();
    let _held = admitted(permits.acquire(Ask::new()));
    let mut waits: Vec<_> = (0..3)
        .map(|_| queued(permits.acquire(Ask::new())))
        .collect();
    permits.set_limit(3);
    let _second = outcome(waits.remove(0)).unwrap();
    let _third = outcome(waits.remove(0)).unwrap();
    assert_eq!(
        (permits.usage().in_flight, permits.usage().queued()),
        (3, 1)
    );
}

#[test]
fn a_reserve_keeps_its_share_for_important_requests() {
    let permits = Local::builder(10).reserve(Critical, 0.25).build();
    // 7.5 rounded down.
    let low: Vec<_> = (0..7)
        .map(|_| admitted(permits.acquire(ask(Sheddable))))
        .collect();
    assert_eq!(refused(permits.acquire(ask(SheddablePlus))), Shed::Reserved);
    let high: Vec<_> = (0..3)
        .map(|_| admitted(permits.acquire(ask(Critical))))
        .collect();
    assert_eq!(refused(permits.acquire(ask(CriticalPlus))), Shed::Full);
    drop((low, high));
}

#[test]
fn a_cut_off_refuses_lower_ranks_while_permits_are_free() {
    let permits = Local::new(10);
    permits.set_cut_off(Critical.into());
    assert_eq!(refused(permits.acquire(ask(SheddablePlus))), Shed::CutOff);
    drop(admitted(permits.acquire(ask(Critical))));
}

#[test]
#[should_panic(expected = "invalid limit 0: must be 1 to 2^24 - 1")]
fn a_limit_of_zero_is_rejected() {
    let _ = Local::new(0);
}

#[test]
#[should_panic(expected = "invalid reserve 1 for critical")]
fn a_reserve_of_everything_is_rejected() {
    let _ = Local::builder(1).reserve(Critical, 1.0);
}

/// More threads than permits take and drop as fast as they can, with and
/// without a queue.
#[test]
fn threads_never_hold_more_permits_than_the_limit() {
    for queue in [Queue::none(), Queue::new(3)] {
        let permits = Local::builder(2).queue(queue).build();
        let (alive, start) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(4)));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (permits, alive, start) = (permits.clone(), alive.clone(), start.clone());
                std::thread::spawn(move || {
                    start.wait();
                    (0..20_000).for_each(|_| hold_for_a_moment(&permits, &alive));
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        let usage = permits.usage();
        assert_eq!((usage.in_flight, usage.queued()), (0, 0));
    }
}

fn hold_for_a_moment(permits: &Local<Direct>, alive: &AtomicU32) {
    match permits.acquire(Ask::new()) {
        Entry::Admitted(permit) => {
            assert!(alive.fetch_add(1, SeqCst) < 2, "above the limit");
            alive.fetch_sub(1, SeqCst);
            drop(permit);
        }
        // It leaves at once, perhaps after it was given a permit.
        Entry::Queued(waiting) => drop(waiting),
        Entry::Refused(shed) => assert_eq!(shed, Shed::Full),
    }
}
