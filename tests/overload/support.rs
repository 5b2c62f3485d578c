//! What the tests of this binary share.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use sluicegate::concurrency::{Ask, Entry, Permit, Rank, Shed, Waiting};

/// Returns the permit of a request that was admitted at once.
#[track_caller]
pub fn admitted(entry: Entry) -> Permit {
    match entry {
        Entry::Admitted(permit) => permit,
        other => panic!("not admitted at once: {other:?}"),
    }
}

/// Returns the wait of a request that was queued.
#[track_caller]
pub fn queued(entry: Entry) -> Waiting {
    match entry {
        Entry::Queued(waiting) => waiting,
        other => panic!("not queued: {other:?}"),
    }
}

/// Returns why a request was refused at once.
#[track_caller]
pub fn refused(entry: Entry) -> Shed {
    match entry {
        Entry::Refused(shed) => shed,
        other => panic!("not refused: {other:?}"),
    }
}

/// Polls a wait once.
pub fn poll(waiting: &mut Waiting) -> Poll<Result<Permit, Shed>> {
    Pin::new(waiting).poll(&mut Context::from_waker(Waker::noop()))
}

/// Returns the outcome of a wait that has one.
#[track_caller]
pub fn outcome(mut waiting: Waiting) -> Result<Permit, Shed> {
    match poll(&mut waiting) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("it still waits"),
    }
}

/// Returns a request of this rank without a deadline.
pub fn ask(rank: impl Into<Rank>) -> Ask {
    Ask::new().rank(rank)
}

/// Returns whether a wait goes on.
pub fn is_waiting(mut waiting: Waiting) -> bool {
    poll(&mut waiting).is_pending()
}
