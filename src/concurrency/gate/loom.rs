//! Every interleaving of threads that meet at one gate.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use ::loom::{
    model,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

use super::{
    entry::{Entry, Waiting},
    gate::{Gate, GateSettings},
    permit::Permit,
    queue::Queue,
};
use crate::{
    concurrency::{ask::Ask, priority::Rank, shed::Shed},
    criticality::Criticality::{Critical, SheddablePlus},
};

/// A gate with this limit, where one request may wait.
fn gate(limit: u32) -> Arc<Gate> {
    let settings = GateSettings {
        queue: Queue::new(1),
        ..GateSettings::default()
    };
    Arc::new(Gate::new(settings.into(), limit, 0))
}

fn admitted(gate: &Arc<Gate>) -> Permit {
    match gate.enter(Ask::new()) {
        Entry::Admitted(permit) => permit,
        other => panic!("not admitted: {other:?}"),
    }
}

fn queued(gate: &Arc<Gate>) -> Waiting {
    match gate.enter(Ask::new()) {
        Entry::Queued(waiting) => waiting,
        other => panic!("not queued: {other:?}"),
    }
}

/// Returns the outcome of a wait without its timer, which needs a runtime.
fn outcome(waiting: &Waiting) -> Poll<Result<Permit, Shed>> {
    waiting.poll_outcome(&Context::from_waker(Waker::noop()))
}

fn is_idle(gate: &Arc<Gate>) {
    let usage = gate.usage();
    assert_eq!((usage.in_flight, usage.queued()), (0, 0));
    drop(admitted(gate));
}

#[test]
fn of_two_requests_for_one_permit_one_passes() {
    model(|| {
        let gate = gate(1);
        let other = thread::spawn({
            let gate = gate.clone();
            move || gate.enter(Ask::new())
        });
        let mine = gate.enter(Ask::new());
        let theirs = other.join().unwrap();
        let passed = [&mine, &theirs].map(|it| matches!(it, Entry::Admitted(_)));
        assert!(passed[0] ^ passed[1]);
        drop((mine, theirs));
        is_idle(&gate);
    });
}

#[test]
fn a_permit_that_comes_back_while_a_request_joins_the_queue_is_not_lost() {
    model(|| {
        let gate = gate(1);
        let held = admitted(&gate);
        let other = thread::spawn(move || drop(held));
        let entry = gate.enter(Ask::new());
        other.join().unwrap();
        if let Entry::Queued(waiting) = &entry {
            assert!(matches!(outcome(waiting), Poll::Ready(Ok(_))));
        }
        drop(entry);
        is_idle(&gate);
    });
}

#[test]
fn a_request_that_leaves_while_it_is_given_a_permit_passes_it_on() {
    model(|| {
        let gate = gate(1);
        let held = admitted(&gate);
        let waiting = queued(&gate);
        let other = thread::spawn(move || drop(held));
        drop(waiting);
        other.join().unwrap();
        is_idle(&gate);
    });
}

#[test]
fn a_permit_that_comes_back_goes_to_the_waiting_request_and_not_to_a_new_one() {
    model(|| {
        let gate = gate(1);
        let held = admitted(&gate);
        let waiting = queued(&gate);
        let other = thread::spawn(move || drop(held));
        let new = gate.enter(Ask::new().rank(SheddablePlus));
        assert!(!matches!(new, Entry::Admitted(_)), "{new:?}");
        other.join().unwrap();
        assert!(matches!(outcome(&waiting), Poll::Ready(Ok(_))));
        drop((waiting, new));
        is_idle(&gate);
    });
}

#[test]
fn a_place_that_was_left_is_taken_by_the_next() {
    model(|| {
        let gate = gate(1);
        let held = admitted(&gate);
        let waiting = queued(&gate);
        let other = thread::spawn(move || drop(waiting));
        let next = gate.enter(Ask::new());
        other.join().unwrap();
        drop(held);
        if let Entry::Queued(next) = &next {
            assert!(matches!(outcome(next), Poll::Ready(Ok(_))));
        }
        drop(next);
        is_idle(&gate);
    });
}

#[test]
fn no_request_passes_a_limit_that_has_shrunk() {
    model(|| {
        let gate = gate(2);
        let held = admitted(&gate);
        let has_shrunk = Arc::new(AtomicBool::new(false));
        let other = thread::spawn({
            let (gate, has_shrunk) = (gate.clone(), has_shrunk.clone());
            move || {
                gate.set_limit(1);
                has_shrunk.store(true, SeqCst);
            }
        });
        let shrunk_before = has_shrunk.load(SeqCst);
        let entry = gate.enter(Ask::new());
        assert!(!(shrunk_before && matches!(entry, Entry::Admitted(_))));
        other.join().unwrap();
        drop((entry, held));
        is_idle(&gate);
    });
}

#[test]
fn a_limit_that_grows_while_a_request_joins_the_queue_lets_it_pass() {
    model(|| {
        let gate = gate(0);
        let other = thread::spawn({
            let gate = gate.clone();
            move || gate.set_limit(1)
        });
        let entry = gate.enter(Ask::new());
        other.join().unwrap();
        if let Entry::Queued(waiting) = &entry {
            assert!(matches!(outcome(waiting), Poll::Ready(Ok(_))));
        }
        drop(entry);
        is_idle(&gate);
    });
}

/// The law while the cut-off rises: a request is refused, so no lower one waits.
#[test]
fn no_request_below_the_cut_off_is_left_in_the_queue() {
    model(|| {
        let gate = gate(0);
        let other = thread::spawn({
            let gate = gate.clone();
            move || gate.set_cut_off(Rank::from(Critical))
        });
        let entry = gate.enter(Ask::new().rank(SheddablePlus));
        other.join().unwrap();
        if let Entry::Queued(waiting) = &entry {
            assert!(matches!(outcome(waiting), Poll::Ready(Err(Shed::CutOff))));
        }
        assert_eq!(gate.usage().queued(), 0);
        drop(entry);
    });
}

#[test]
fn two_permits_that_come_back_at_once_reach_the_waiting_request_once() {
    model(|| {
        let gate = gate(2);
        let held = [admitted(&gate), admitted(&gate)];
        let waiting = queued(&gate);
        let [first, second] = held;
        let other = thread::spawn(move || drop(first));
        drop(second);
        other.join().unwrap();
        assert_eq!(gate.usage().in_flight, 1);
        assert!(matches!(outcome(&waiting), Poll::Ready(Ok(_))));
        drop(waiting);
        is_idle(&gate);
    });
}
