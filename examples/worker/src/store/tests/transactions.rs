//! Keys, cancellations and bookings.

use std::time::Duration;

use super::database::{accept, cancel, open, order};
use crate::{
    event::{Reason, State, Step},
    store::{Accepted, Booking, Event, NotCancelled, PutBack, Store, Totals},
};

/// Takes this event, and gives others that are due back.
async fn take(store: &Store, id: i64) -> Option<Event> {
    let taken = store.take(1_000, Duration::from_secs(60)).await.unwrap();
    taken.into_iter().find(|event| event.id == id)
}

async fn settle(store: &Store, event: &Event) -> bool {
    let booking = Booking {
        event: event.clone(),
        receipt: "paid".to_owned(),
    };
    store.settle(&[booking]).await.unwrap()[0]
}

async fn give_back(store: &Store, event: &Event) {
    let (hold, due) = (event.progress.takes, 0);
    let left = store.leave(event, Step::GiveBack { hold, due }, None).await;
    assert_eq!(left.unwrap(), Some(State::FailedRetry));
}

async fn bury(store: &Store, event: &Event, reason: Reason) {
    let hold = event.progress.takes;
    let left = store
        .leave(event, Step::Bury { hold, reason }, Some("why"))
        .await;
    assert_eq!(left.unwrap(), Some(State::Failed(reason)));
}

async fn entries(store: &Store, order: i64) -> Vec<i64> {
    let find = sqlx::query_scalar("SELECT cents FROM entries WHERE order_id = $1 ORDER BY id");
    find.bind(order).fetch_all(&store.read).await.unwrap()
}

#[tokio::test]
async fn a_key_names_one_order_within_one_transaction_and_across_them() {
    let store = open().await;
    let key = format!("{:x}", fastrand::u128(..));
    let mut other = order(&key);
    other.request.fingerprint = "another".to_owned();
    let accepted = store
        .accept(&[order(&key), order(&key), other.clone()])
        .await;
    let accepted = accepted.unwrap();
    let [
        Accepted::New(id),
        Accepted::Known(same),
        Accepted::KeyReused,
    ] = accepted[..]
    else {
        panic!("{accepted:?}");
    };
    assert_eq!(id, same);
    let again = store.accept(&[order(&key), other]).await.unwrap();
    assert_eq!(again, [Accepted::Known(id), Accepted::KeyReused]);
}

#[tokio::test]
async fn a_holder_that_was_too_slow_books_nothing() {
    let store = open().await;
    let id = accept(&store).await;
    let slow = take(&store, id).await.unwrap();
    give_back(&store, &slow).await;
    let fast = take(&store, id).await.unwrap();
    assert!(!settle(&store, &slow).await);
    assert_eq!(entries(&store, id).await, [0; 0]);
    assert!(settle(&store, &fast).await);
    assert!(!settle(&store, &fast).await);
    assert_eq!(entries(&store, id).await, [7]);
}

#[tokio::test]
async fn a_cancellation_waits_for_its_order_and_takes_the_amount_back() {
    let store = open().await;
    let id = accept(&store).await;
    let event = take(&store, id).await.unwrap();
    let (Accepted::New(cancel_id), false) = store.cancel(&cancel(id)).await.unwrap() else {
        panic!("it is new");
    };
    assert!(take(&store, cancel_id).await.is_none());
    assert!(settle(&store, &event).await);
    let refund = take(&store, cancel_id).await.unwrap();
    assert!(settle(&store, &refund).await);
    assert_eq!(entries(&store, id).await, [7, -7]);
}

#[tokio::test]
async fn an_order_that_nobody_holds_is_cancelled_at_once_and_stays_so() {
    let store = open().await;
    let id = accept(&store).await;
    let (Accepted::New(cancel_id), true) = store.cancel(&cancel(id)).await.unwrap() else {
        panic!("it is new");
    };
    assert!(take(&store, id).await.is_none());
    let found = store.find(id).await.unwrap().unwrap();
    assert_eq!(found.reason, Some(Reason::Cancelled.code()));
    assert_eq!(found.cancelled_by, Some(cancel_id));
    assert_eq!(store.put_back(id).await.unwrap(), PutBack::Refused);
    let refund = take(&store, cancel_id).await;
    // It was due in the call before, which held it for a minute.
    assert!(refund.is_none());
    assert_eq!(entries(&store, id).await, [0; 0]);
}

#[tokio::test]
async fn a_dead_letter_of_a_cancelled_order_is_not_put_back() {
    let store = open().await;
    let id = accept(&store).await;
    let event = take(&store, id).await.unwrap();
    store.cancel(&cancel(id)).await.unwrap();
    bury(&store, &event, Reason::OutcomeUnknown).await;
    assert_eq!(store.put_back(id).await.unwrap(), PutBack::Refused);
}

#[tokio::test]
async fn an_order_is_cancelled_under_one_key() {
    let store = open().await;
    let id = accept(&store).await;
    let first = cancel(id);
    let (Accepted::New(event), true) = store.cancel(&first).await.unwrap() else {
        panic!("it is new");
    };
    let again = store.cancel(&first).await.unwrap();
    assert_eq!(again, (Accepted::Known(event), false));
    let second = store.cancel(&cancel(id)).await;
    assert!(matches!(second, Err(NotCancelled::Already)));
    let unknown = store.cancel(&cancel(i64::MAX)).await;
    assert!(matches!(unknown, Err(NotCancelled::NoOrder)));
}

#[tokio::test]
async fn the_totals_add_up() {
    let store = open().await;
    let before = store.totals().await.unwrap();
    let [done, dead, held] = [
        accept(&store).await,
        accept(&store).await,
        accept(&store).await,
    ];
    let taken = store.take(1_000, Duration::from_secs(60)).await.unwrap();
    let event = |id| taken.iter().find(|event| event.id == id).unwrap();
    accept(&store).await;
    assert!(settle(&store, event(done)).await);
    bury(&store, event(dead), Reason::Rejected).await;
    assert_eq!(event(held).progress.attempts, 1);
    let totals = store.totals().await.unwrap();
    assert_eq!(totals.accepted, before.accepted + 4);
    assert_eq!(totals.completed, before.completed + 1);
    assert_eq!(totals.pending(), before.pending() + 2);
    let rejected = |totals: &Totals| totals.dead.get(Reason::Rejected.code()).copied();
    let known = rejected(&before).unwrap_or(0);
    assert_eq!(rejected(&totals), Some(known + 1));
}
