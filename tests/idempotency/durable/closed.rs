//! A store that is closed, dropped, locked, or of another version.

use std::time::Duration;

use futures_util::FutureExt;
use sluicegate::{
    clock::Manual,
    idempotency::{
        Claim, ClaimRequest, Durable, LeaseStatus, Name, OpenError, Scope, Store, StoreError,
    },
};

use super::{folder::Folder, open};
use crate::durable::room::{KEEP, LEASE, NEW, name, request};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn an_open_store_is_locked_until_it_is_closed() {
    let folder = Folder::new();
    let store = Durable::open(folder.path()).await.unwrap();
    let second = Durable::open(folder.path()).await;
    assert!(matches!(second, Err(OpenError::Locked)));
    assert_eq!(store.claim(name(1), request(1)).await, NEW);
    store.clone().close().await;
    let third = Durable::open(folder.path()).await.unwrap();
    let closed = store.claim(name(1), request(1)).await;
    assert!(matches!(closed, Err(StoreError::Unavailable(_))));
    store.settled(name(1)).await;
    third.close().await;
}

#[tokio::test]
async fn a_dropped_store_closes_eventually() {
    let folder = Folder::new();
    let store = Durable::open(folder.path()).await.unwrap();
    assert_eq!(store.claim(name(1), request(1)).await, NEW);
    drop(store);
    let store = loop {
        match Durable::open(folder.path()).await {
            Ok(store) => break store,
            Err(OpenError::Locked) => {}
            Err(error) => panic!("{error}"),
        }
    };
    let other = store.claim(name(1), request(2)).await;
    assert!(matches!(other, Ok(Claim::Running { .. })));
    store.close().await;
}

/// Claims under this name, and leaves all of the lease.
async fn left(store: &Durable, name: Name) -> Option<Duration> {
    match store.claim(name, request(2)).await.unwrap() {
        Claim::Running { left } => Some(left),
        Claim::Run { attempt: 2 } => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_lease_lapses_by_the_time_that_passed_while_the_store_was_closed() {
    let (folder, clock) = (Folder::new(), Manual::new());
    let store = open(&folder, &clock).await.unwrap();
    assert_eq!(store.claim(name(1), request(1)).await, NEW);
    store.close().await;
    clock.advance(LEASE / 2);
    let store = open(&folder, &clock).await.unwrap();
    assert_eq!(left(&store, name(1)).await, Some(LEASE / 2));
    store.close().await;
    clock.advance(LEASE / 2);
    let store = open(&folder, &clock).await.unwrap();
    assert_eq!(left(&store, name(1)).await, None);
    store.close().await;
}

#[tokio::test]
async fn a_date_that_steps_back_neither_ends_a_lease_nor_lets_it_live_on() {
    let (folder, clock) = (Folder::new(), Manual::new());
    let store = open(&folder, &clock).await.unwrap();
    assert_eq!(store.claim(name(1), request(1)).await, NEW);
    store.close().await;
    clock.set(1);
    let store = open(&folder, &clock).await.unwrap();
    assert_eq!(left(&store, name(1)).await, Some(LEASE));
    clock.advance(LEASE);
    assert_eq!(left(&store, name(1)).await, None);
    store.close().await;
}

#[tokio::test]
async fn a_date_that_steps_ahead_ends_no_record_that_had_more_than_an_hour() {
    let (folder, clock) = (Folder::new(), Manual::new());
    let store = open(&folder, &clock).await.unwrap();
    for (number, keep) in [(1, HOUR), (2, HOUR + KEEP)] {
        let request = ClaimRequest { keep, ..request(1) };
        assert_eq!(store.claim(name(number), request).await, NEW);
        let done = store.complete(name(number), request.token, "done".into(), keep);
        assert_eq!(done.await, Ok(LeaseStatus::Held));
    }
    store.close().await;
    clock.advance(100_000 * HOUR);
    let store = open(&folder, &clock).await.unwrap();
    assert_eq!(store.claim(name(1), request(2)).await, NEW);
    let replayed = store.claim(name(2), request(2)).await;
    assert_eq!(replayed, Ok(Claim::Replay("done".into())));
    store.close().await;
}

#[tokio::test]
async fn a_waiter_learns_of_every_later_end_and_of_none_before() {
    let (folder, clock) = (Folder::new(), Manual::new());
    let store = open(&folder, &clock).await.unwrap();
    store.settled(name(1)).await;
    for end in 0..4 {
        assert_eq!(store.claim(name(end), request(1)).await, NEW);
        let mut settled = [0, 1].map(|_| Box::pin(store.settled(name(end))));
        for settled in &mut settled {
            assert!(settled.now_or_never().is_none());
        }
        // Later calls take effect later.
        drop(store.claim(name(end), request(2)).await);
        for settled in &mut settled {
            assert!(settled.now_or_never().is_none());
        }
        match end {
            0 => drop(
                store
                    .complete(name(end), request(1).token, "x".into(), KEEP)
                    .await,
            ),
            1 => drop(store.release(name(end), request(1).token).await),
            2 => {
                clock.advance(LEASE + KEEP);
                // The claim of another name removes the expired state.
                drop(store.claim(name(100), request(1)).await);
            }
            _ => store.clone().close().await,
        }
        for settled in settled {
            settled.await;
        }
    }
}

#[tokio::test]
async fn names_are_told_apart_by_all_their_bytes() {
    let folder = Folder::new();
    let store = Durable::open(folder.path()).await.unwrap();
    for number in 0..100 {
        let name = Scope::new("many").name([number]);
        assert_eq!(store.claim(name, request(1)).await, NEW);
    }
    assert_eq!(store.counts().records, 100);
    store.close().await;
}

#[tokio::test]
async fn an_open_store_knows_its_content_at_once() {
    let (folder, clock) = (Folder::new(), Manual::new());
    for opened in 0..20 {
        let store = open(&folder, &clock).await.unwrap();
        assert_eq!(store.counts().records, opened);
        let number = opened.try_into().unwrap();
        assert_eq!(store.claim(name(number), request(1)).await, NEW);
        store.close().await;
    }
}
