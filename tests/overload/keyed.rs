//! A limit for each key.

use sluicegate::{
    concurrency::{Ask, Entry, Local, Permits, Queue, Shed},
    criticality::Criticality::*,
};

use crate::support::{admitted, ask, outcome, queued, refused};

#[test]
fn each_key_has_a_limit_of_its_own() {
    let permits = Local::keyed(1);
    let _ann = admitted(permits.acquire("ann", Ask::new()));
    assert_eq!(refused(permits.acquire("ann", Ask::new())), Shed::Full);
    let _bob = admitted(permits.acquire(&String::from("bob"), Ask::new()));
    assert_eq!((permits.usage().in_flight, permits.usage().limit), (2, 2));
}

#[test]
fn a_key_takes_memory_only_while_it_is_in_use() {
    let permits = Local::keyed(2);
    let held: Vec<_> = (0..1_000)
        .map(|key| admitted(permits.acquire(&key, Ask::new())))
        .collect();
    assert_eq!(permits.keys_in_use(), 1_000);
    drop(held);
    assert_eq!(permits.keys_in_use(), 0);
}

#[test]
fn a_refused_key_is_not_kept() {
    let permits = Local::keyed(2);
    permits.set_cut_off(CriticalPlus.into());
    assert_eq!(refused(permits.acquire("ann", ask(Critical))), Shed::CutOff);
    assert_eq!(permits.keys_in_use(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_with_a_waiting_request_is_kept_until_the_wait_ends() {
    // One permit, and half of it reserved: the low request waits though none is
    // in flight.
    let permits = Local::builder(1)
        .queue(Queue::new(1))
        .reserve(Critical, 0.5)
        .build_keyed();
    let wait = queued(permits.acquire("ann", ask(SheddablePlus)));
    assert_eq!(permits.keys_in_use(), 1);
    assert_eq!(wait.await.unwrap_err(), Shed::TimedOut);
    assert_eq!(permits.keys_in_use(), 0);
    drop(queued(permits.acquire("ann", ask(SheddablePlus))));
    assert_eq!(permits.keys_in_use(), 0);
}

#[tokio::test(start_paused = true)]
async fn keys_have_queues_of_their_own() {
    let permits = Local::builder(1).queue(Queue::new(1)).build_keyed();
    let ann = admitted(permits.acquire("ann", Ask::new()));
    let bob = admitted(permits.acquire("bob", Ask::new()));
    let wait = queued(permits.acquire("ann", Ask::new()));
    drop(bob);
    assert_eq!(permits.usage().queued(), 1);
    drop(ann);
    drop(outcome(wait).unwrap());
    assert_eq!(permits.keys_in_use(), 0);
}

#[test]
fn a_cut_off_holds_for_all_keys_and_for_new_ones() {
    let permits = Local::keyed(2);
    let held = admitted(permits.acquire("ann", Ask::new()));
    permits.set_cut_off(CriticalPlus.into());
    for key in ["ann", "bob"] {
        assert_eq!(refused(permits.acquire(key, Ask::new())), Shed::CutOff);
    }
    drop(held);
    permits.set_cut_off(Sheddable.into());
    drop(admitted(permits.acquire("ann", ask(Sheddable))));
}

#[test]
fn the_load_of_a_key_that_is_not_in_use_is_that_of_a_new_one() {
    let permits = Local::keyed(5);
    let _held = admitted(permits.acquire("ann", Ask::new()));
    let [ann, bob] = ["ann", "bob"].map(|key| Permits::load(&permits, key));
    assert_eq!((ann.limit, ann.in_flight), (5, 1));
    assert_eq!((bob.limit, bob.in_flight), (5, 0));
}

#[test]
fn permits_outlive_their_limiter() {
    let permits = Local::keyed(1);
    let entry = permits.acquire("ann", Ask::new());
    drop(permits);
    assert!(matches!(entry, Entry::Admitted(_)));
}

/// Keys come and go in several threads, and none has ever more than its limit.
#[test]
fn threads_that_share_keys_never_hold_more_than_the_limit_of_a_key() {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    let permits = Local::keyed(1);
    let alive: [AtomicU32; 3] = Default::default();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (permits, alive) = (&permits, &alive);
            scope.spawn(move || {
                for nth in 0..20_000 {
                    let key = (nth + thread) % 3;
                    if let Entry::Admitted(permit) = permits.acquire(&key, Ask::new()) {
                        assert_eq!(alive[key].fetch_add(1, SeqCst), 0);
                        alive[key].fetch_sub(1, SeqCst);
                        drop(permit);
                    }
                }
            });
        }
    });
    assert_eq!((permits.keys_in_use(), permits.usage().in_flight), (0, 0));
}
