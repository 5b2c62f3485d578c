//! A full store, and how it makes room.

use std::time::Duration;

use sluicegate::{
    clock::Manual,
    idempotency::{
        Claim, ClaimRequest, Durable, Fingerprint, Fsync, LeaseStatus, Name, Scope, Store,
        StoreError, Takeover, Token,
    },
};

use super::folder::Folder;

pub(super) const LEASE: Duration = Duration::from_secs(10);
pub(super) const KEEP: Duration = Duration::from_secs(60);
pub(super) const NEW: Result<Claim, StoreError> = Ok(Claim::Run { attempt: 1 });

/// Returns the bytes of a record beside its content.
const AROUND: u64 = 256;

pub(super) fn name(number: usize) -> Name {
    Scope::new("test").name(number.to_string())
}

pub(super) fn request(token: u8) -> ClaimRequest {
    ClaimRequest {
        fingerprint: Fingerprint::of("work"),
        token: Token::from_bytes([token; 16]),
        lease: LEASE,
        keep: KEEP,
        takeover: Takeover::Rerun,
    }
}

/// Returns a store with this capacity in bytes.
async fn open(folder: &Folder, clock: &Manual, capacity: u64) -> Durable {
    let store = Durable::builder().clock(clock.clone()).wall(clock.clone());
    let store = store.fsync(Fsync::Never).capacity(capacity);
    store.open(folder.path()).await.unwrap()
}

async fn claim(store: &Durable, number: usize) -> Result<Claim, StoreError> {
    store.claim(name(number), request(1)).await
}

async fn complete(store: &Durable, number: usize, bytes: usize) -> Result<LeaseStatus, StoreError> {
    let record = vec![0; bytes].into();
    let token = request(1).token;
    store.complete(name(number), token, record, KEEP).await
}

/// Claims work and completes it.
async fn done(store: &Durable, number: usize, bytes: usize) {
    assert_eq!(claim(store, number).await, NEW);
    assert_eq!(complete(store, number, bytes).await, Ok(LeaseStatus::Held));
}

/// Whether another claim finds a state; it leaves none if not.
async fn is_known(store: &Durable, number: usize) -> bool {
    match store.claim(name(number), request(2)).await.unwrap() {
        Claim::Run { attempt: 1 } => {
            let released = store.release(name(number), request(2).token).await;
            assert_eq!(released, Ok(LeaseStatus::Held));
            false
        }
        _ => true,
    }
}

#[tokio::test]
async fn a_full_store_evicts_the_completed_record_that_expires_next() {
    let (folder, clock) = (Folder::new(), Manual::new());
    let room = 4 * (AROUND + 100);
    let store = open(&folder, &clock, room).await;
    assert_eq!(claim(&store, 0).await, NEW);
    for number in [3, 1, 2] {
        clock.advance(Duration::from_secs(1));
        done(&store, number, 100).await;
    }
    assert_eq!(store.counts().bytes, room - 100);
    // Beside the running one there is no room for what is completed now. It is
    // remembered what was there before.
    store.close().await;
    let store = open(&folder, &clock, room).await;
    assert_eq!(store.counts().bytes, room - 100);
    done(&store, 4, 100).await;
    let counts = store.counts();
    assert_eq!((counts.records, counts.evicted), (4, 1));
    let still = [0, 1, 2, 4].map(|number| is_known(&store, number));
    assert_eq!(futures_util::future::join_all(still).await, [true; 4]);
    // Record 3 was evicted; the look at it evicts record 1, too.
    assert!(!is_known(&store, 3).await);
    assert!(!is_known(&store, 1).await);
    assert!(is_known(&store, 2).await);
    assert_eq!(store.counts().evicted, 2);
    store.close().await;
}

#[tokio::test]
async fn running_work_and_unknown_outcomes_are_not_evicted() {
    let (folder, clock) = (Folder::new(), Manual::new());
    let store = open(&folder, &clock, 2 * AROUND + 10).await;
    for number in [1, 2] {
        assert_eq!(claim(&store, number).await, NEW);
    }
    assert_eq!(claim(&store, 3).await, Err(StoreError::Full));
    clock.advance(LEASE);
    assert_eq!(claim(&store, 3).await, Err(StoreError::Full));
    assert_eq!(complete(&store, 1, 10).await, Ok(LeaseStatus::Held));
    assert_eq!(complete(&store, 2, 10).await, Ok(LeaseStatus::Held));
    assert_eq!(store.counts().evicted, 1);
    clock.advance(KEEP);
    done(&store, 3, 10).await;
    assert_eq!(store.counts().evicted, 1);
    store.close().await;
}

#[tokio::test]
async fn a_record_that_cannot_fit_evicts_nothing() {
    let (folder, clock) = (Folder::new(), Manual::new());
    let store = open(&folder, &clock, 3 * AROUND + 300).await;
    done(&store, 1, 300).await;
    assert_eq!(claim(&store, 2).await, NEW);
    assert_eq!(complete(&store, 2, 1_000).await, Err(StoreError::Full));
    assert!(is_known(&store, 1).await);
    assert_eq!(claim(&store, 2).await, NEW, "the lease is still held");
    let length = 2 * AROUND as usize + 300;
    assert_eq!(complete(&store, 2, length).await, Ok(LeaseStatus::Held));
    assert_eq!(store.counts().evicted, 1);
    store.close().await;
}

#[tokio::test]
async fn expired_records_are_dropped_as_new_ones_come() {
    let (folder, clock) = (Folder::new(), Manual::new());
    let store = open(&folder, &clock, 64 << 20).await;
    for number in 0..200 {
        done(&store, number, 10).await;
    }
    assert_eq!(claim(&store, 200).await, NEW);
    assert_eq!(store.counts().records, 201);
    clock.advance(KEEP);
    for number in 300..400 {
        done(&store, number, 10).await;
    }
    assert_eq!(store.counts().records, 101);
    clock.advance(KEEP + LEASE);
    for number in 400..500 {
        done(&store, number, 0).await;
    }
    let counts = store.counts();
    assert_eq!((counts.records, counts.bytes), (100, 100 * AROUND));
    assert_eq!(counts.evicted, 0);
    store.close().await;
}

#[tokio::test]
async fn a_refusal_and_a_release_take_no_room() {
    let (folder, clock) = (Folder::new(), Manual::new());
    let store = open(&folder, &clock, AROUND).await;
    assert_eq!(claim(&store, 1).await, NEW);
    let other = store.claim(name(1), request(2)).await;
    assert!(matches!(other, Ok(Claim::Running { .. })));
    let lost = store.renew(name(2), request(1).token, LEASE).await;
    assert_eq!(lost, Ok(LeaseStatus::Lost));
    assert_eq!(
        store.release(name(1), request(1).token).await,
        Ok(LeaseStatus::Held)
    );
    let counts = store.counts();
    assert_eq!((counts.records, counts.bytes), (0, 0));
    store.close().await;
}

#[tokio::test]
#[should_panic(expected = "invalid capacity 255: must be at least 256 bytes")]
async fn a_store_has_room_for_one_record() {
    let _ = Durable::builder().capacity(255);
}
