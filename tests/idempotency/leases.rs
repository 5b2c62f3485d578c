//! Many leases of one claimant, which share a timer.

use std::{sync::Mutex, time::Duration};

use futures_util::FutureExt;
use sluicegate::{
    clock::Manual,
    idempotency::{
        Body, Claimant, Claimed, CompletionStatus, Guard, Local, Name, Record, Scope, Store,
    },
};
use tokio::{
    runtime::{Builder, Handle},
    time::sleep,
};

use crate::{
    runtimes::{First, Time},
    support::{LEASE, claimant, work},
};

fn nth(nth: usize) -> Name {
    Scope::new("leases").name(nth.to_string())
}

async fn run<S: Store>(claimant: &Claimant<S>, name: Name) -> Guard<S> {
    match claimant.claim(name, work()).await.unwrap() {
        Claimed::Run(guard) => guard,
        other => panic!("{other:?}"),
    }
}

/// Returns how long the lease still lasts.
async fn left<S: Store>(claimant: &Claimant<S>, name: Name) -> Option<Duration> {
    match claimant.claim(name, work()).await.unwrap() {
        Claimed::Running { left } => Some(left),
        Claimed::Run(_) => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn brief_work_needs_no_task_to_keep_its_lease() {
    let (claimant, _store, _counts) = claimant();
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for name in 0..100 {
        run(&claimant, nth(name)).await.release().await;
    }
    assert_eq!(tasks(), before + 1);
    sleep(LEASE).await;
    assert_eq!(tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn each_of_many_leases_is_renewed_until_it_is_dropped() {
    let (claimant, _store, _counts) = claimant();
    let mut guards = Vec::new();
    for name in 0..100 {
        guards.push(run(&claimant, nth(name)).await);
        sleep(LEASE / 60).await;
    }
    // Some of them were renewed, and others are not due yet.
    let is_kept = |name: usize| name % 2 == 1;
    let mut names = 0..;
    guards.retain(|_| names.next().is_some_and(is_kept));
    sleep(2 * LEASE).await;
    for name in 0..100 {
        let left = left(&claimant, nth(name)).await;
        let is_held = left.is_some_and(|left| left > LEASE / 2);
        assert_eq!(is_held, is_kept(name), "{name}: {left:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn leases_may_differ_among_clones() {
    let (claimant, _store, _counts) = claimant();
    let brief = claimant.clone().lease(LEASE / 100);
    let _long = run(&claimant, nth(0)).await;
    let _brief = run(&brief, nth(1)).await;
    // Long before the longer lease has to be renewed.
    sleep(LEASE / 10).await;
    assert!(left(&brief, nth(1)).await.is_some());
    sleep(LEASE).await;
    assert!(left(&claimant, nth(0)).await > Some(LEASE / 2));
}

#[test]
fn a_lease_is_renewed_whatever_becomes_of_the_first_runtime() {
    for first in First::ALL {
        let begin = async || {
            let (claimant, _store, _counts) = claimant();
            let theirs = run(&claimant, nth(0)).await;
            (claimant, theirs)
        };
        first.then(Time::Paused, begin, async |(claimant, _theirs)| {
            let _ours = run(&claimant, nth(1)).await;
            sleep(2 * LEASE).await;
            assert!(left(&claimant, nth(1)).await > Some(LEASE / 2), "{first:?}");
            assert_eq!(left(&claimant, nth(0)).await, None, "{first:?}");
        });
    }
}

#[test]
fn leases_of_short_runtimes_leave_the_next_ones_alone() {
    let last = Time::Paused.runtime();
    let (claimant, _store, _counts) = last.block_on(async { claimant() });
    let guards = Mutex::new(Vec::new());
    Time::Paused.one_after_the_other(20, async |name| {
        let guard = run(&claimant, nth(name)).await;
        guards.lock().unwrap().push(guard);
    });
    last.block_on(async {
        let _ours = run(&claimant, nth(20)).await;
        sleep(2 * LEASE).await;
        assert!(left(&claimant, nth(20)).await > Some(LEASE / 2));
    });
}

/// A store in this process whose clock is moved by hand.
fn local() -> (Claimant<Local<Manual>>, Manual) {
    let clock = Manual::new();
    let store = Local::builder().clock(clock.clone()).build();
    let claimant = Claimant::new(store).lease(LEASE).keep(LEASE);
    (claimant, clock)
}

fn done() -> Record {
    Record::Value(Body::Kept("done".into()))
}

#[tokio::test]
async fn a_lease_in_this_process_does_not_lapse_while_its_holder_lives() {
    let (claimant, clock) = local();
    let guard = run(&claimant, nth(0)).await;
    // Nothing renews it, and others come and go.
    for _ in 0..10 {
        clock.advance(3 * LEASE);
        drop(run(&claimant, nth(1)).await);
        assert_eq!(left(&claimant, nth(0)).await, Some(LEASE));
    }
    assert!(!guard.lease().is_lost());
    assert_eq!(guard.complete(done()).await, CompletionStatus::Saved);
    let again = claimant.claim(nth(0), work()).await.unwrap();
    assert!(matches!(again, Claimed::Replay(kept) if kept == done()));
}

#[tokio::test]
async fn a_lease_in_this_process_lapses_once_its_holder_is_dropped() {
    let (claimant, clock) = local();
    let guard = run(&claimant, nth(0)).await;
    clock.advance(5 * LEASE);
    drop(guard);
    clock.advance(LEASE - Duration::from_micros(1));
    let last = Some(Duration::from_micros(1));
    assert_eq!(left(&claimant, nth(0)).await, last);
    clock.advance(Duration::from_micros(1));
    let second = run(&claimant, nth(0)).await;
    assert!(second.lease().is_recovered());
    // Completed work is no longer held, although its guard lives on for a
    // while.
    assert_eq!(second.release().await, CompletionStatus::Saved);
    assert!(run(&claimant, nth(0)).await.lease().is_recovered());
    // A dropped lease expires in time.
    clock.advance(2 * LEASE);
    assert!(!run(&claimant, nth(0)).await.lease().is_recovered());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_comes_too_late_is_noticed() {
    let (claimant, _store, counts) = claimant();
    let _guard = run(&claimant, nth(0)).await;
    sleep(LEASE).await;
    assert_eq!(counts.snapshot().renewed_late, 0);
    // No task runs meanwhile.
    tokio::time::advance(LEASE * 5 / 6).now_or_never();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(counts.snapshot().renewed_late, 1);
}

#[test]
fn a_lease_is_renewed_on_the_set_runtime_while_its_own_is_blocked() {
    let mut other = Builder::new_multi_thread();
    let other = other.worker_threads(1).enable_all().build().unwrap();
    let blocked = Builder::new_current_thread().enable_all().build().unwrap();
    let (claimant, store, _counts) = claimant();
    let claimant = claimant
        .lease(Duration::from_millis(30))
        .renew_on(other.handle().clone());
    let guard = blocked.block_on(run(&claimant, nth(0)));
    // From here on, the runtime of the claim is not driven.
    other.block_on(async {
        while store.renewed() < 3 {
            tokio::task::yield_now().await;
        }
    });
    drop(guard);
}
