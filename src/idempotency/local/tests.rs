use futures_util::FutureExt;

use super::*;
use crate::{
    clock::Manual,
    idempotency::{Fingerprint, Scope, Takeover},
};

const LEASE: Duration = Duration::from_secs(10);
const KEEP: Duration = Duration::from_secs(60);
const NEW: Result<Claim, StoreError> = Ok(Claim::Run { attempt: 1 });

/// The bytes that a record takes beside its own.
const AROUND: usize = super::super::shard::RECORD_OVERHEAD_BYTES;

fn store(capacity: usize) -> (Local<Manual>, Manual) {
    let clock = Manual::new();
    let store = Local::builder().capacity(capacity).clock(clock.clone());
    (store.build(), clock)
}

fn name(number: usize) -> Name {
    Scope::new("test").name(number.to_string())
}

fn request(token: u8) -> ClaimRequest {
    ClaimRequest {
        fingerprint: Fingerprint::of("work"),
        token: Token::from_bytes([token; 16]),
        lease: LEASE,
        keep: KEEP,
        takeover: Takeover::Rerun,
    }
}

fn claim(store: &Local<Manual>, number: usize) -> Result<Claim, StoreError> {
    store
        .claim(name(number), request(1))
        .now_or_never()
        .unwrap()
}

fn complete(store: &Local<Manual>, number: usize, bytes: usize) -> Result<LeaseStatus, StoreError> {
    let record = vec![0; bytes].into();
    let completed = store.complete(name(number), request(1).token, record, KEEP);
    completed.now_or_never().unwrap()
}

/// Claims and completes.
fn done(store: &Local<Manual>, number: usize, bytes: usize) {
    assert_eq!(claim(store, number), NEW);
    assert_eq!(complete(store, number, bytes), Ok(LeaseStatus::Held));
}

fn is_known(store: &Local<Manual>, number: usize) -> bool {
    store.shared.shard(name(number)).need_to_claim(name(number)) == 0
}

#[test]
fn clones_are_one_store() {
    let (store, _clock) = store(1 << 20);
    done(&store.clone(), 1, 100);
    assert!(matches!(claim(&store, 1), Ok(Claim::Replay(_))));
    let counts = store.counts();
    assert_eq!((counts.records, counts.bytes), (1, AROUND as u64 + 100));
}

#[test]
fn a_full_store_evicts_the_completed_record_that_expires_next() {
    let (store, clock) = store(4 * (AROUND + 100));
    assert_eq!(claim(&store, 0), NEW);
    for number in [3, 1, 2] {
        clock.advance(Duration::from_secs(1));
        done(&store, number, 100);
    }
    // Beside the running one there is no room for what is completed now.
    done(&store, 4, 100);
    assert_eq!(
        [0, 1, 2, 3, 4].map(|it| is_known(&store, it)),
        [true, true, true, false, true]
    );
    done(&store, 5, 100);
    assert_eq!(
        [0, 1, 2, 4, 5].map(|it| is_known(&store, it)),
        [true, false, true, true, true]
    );
    let counts = store.counts();
    assert_eq!((counts.records, counts.evicted), (4, 2));
    assert!(counts.bytes <= 4 * (AROUND as u64 + 100));
}

#[test]
fn work_that_runs_or_has_an_unknown_outcome_is_not_evicted() {
    let (store, clock) = store(2 * AROUND + 10);
    for number in [1, 2] {
        assert_eq!(claim(&store, number), NEW);
    }
    assert_eq!(claim(&store, 3), Err(StoreError::Full));
    clock.advance(LEASE);
    assert_eq!(claim(&store, 3), Err(StoreError::Full));
    assert_eq!(complete(&store, 1, 10), Ok(LeaseStatus::Held));
    assert_eq!(complete(&store, 2, 10), Ok(LeaseStatus::Held));
    assert_eq!(store.counts().evicted, 1);
    clock.advance(KEEP);
    done(&store, 3, 10);
    assert_eq!(store.counts().evicted, 1);
}

#[test]
fn a_record_that_would_not_fit_even_then_evicts_nothing() {
    let (store, _clock) = store(3 * AROUND + 300);
    done(&store, 1, 300);
    assert_eq!(claim(&store, 2), NEW);
    assert_eq!(complete(&store, 2, 1_000), Err(StoreError::Full));
    assert!(is_known(&store, 1));
    assert_eq!(claim(&store, 2), NEW, "the lease is still held");
    assert!(matches!(
        complete(&store, 2, 2 * AROUND + 300),
        Ok(LeaseStatus::Held)
    ));
    assert!(!is_known(&store, 1));
}

#[test]
fn expired_records_are_removed_as_others_come() {
    let (store, clock) = store(64 << 20);
    for number in 0..1_000 {
        done(&store, number, 10);
    }
    assert_eq!(claim(&store, 1_000), NEW);
    assert_eq!(store.counts().records, 1_001);
    clock.advance(KEEP);
    for number in 2_000..2_100 {
        done(&store, number, 10);
    }
    assert_eq!(store.counts().records, 101);
    clock.advance(KEEP + LEASE);
    for number in 3_000..3_100 {
        done(&store, number, 0);
    }
    let counts = store.counts();
    assert_eq!((counts.records, counts.bytes), (100, 100 * AROUND as u64));
    assert_eq!(counts.evicted, 0);
}

#[test]
fn a_refusal_and_a_release_take_no_room() {
    let (store, _clock) = store(AROUND);
    assert_eq!(claim(&store, 1), NEW);
    let other = store.claim(name(1), request(2)).now_or_never().unwrap();
    assert!(matches!(other, Ok(Claim::Running { .. })));
    let lost = store.renew(name(2), request(1).token, LEASE).now_or_never();
    assert!(matches!(lost, Some(Ok(LeaseStatus::Lost))));
    let released = store.release(name(1), request(1).token).now_or_never();
    assert!(matches!(released, Some(Ok(LeaseStatus::Held))));
    assert_eq!(store.counts(), StoreCounts::default());
}

#[test]
fn a_waiting_caller_is_notified_of_every_end_at_once_and_of_none_before() {
    let (store, clock) = store(1 << 20);
    assert!(store.settled(name(1)).now_or_never().is_some());
    for end in 0..3 {
        assert_eq!(claim(&store, end), NEW);
        let mut settled = [0, 1].map(|_| Box::pin(store.settled(name(end))));
        for settled in &mut settled {
            assert!(settled.now_or_never().is_none());
        }
        match end {
            0 => drop(complete(&store, end, 1)),
            1 => drop(store.release(name(end), request(1).token).now_or_never()),
            _ => {
                clock.advance(LEASE + KEEP);
                drop(claim(&store, end));
            }
        }
        for settled in settled {
            assert!(settled.now_or_never().is_some(), "{end}");
        }
    }
    assert!(store.settled(name(0)).now_or_never().is_some());
}

#[test]
fn a_pinned_lease_without_any_time_does_not_expire_again_at_once() {
    let (store, clock) = store(1 << 20);
    let no_time = ClaimRequest {
        lease: Duration::ZERO,
        keep: Duration::ZERO,
        ..request(1)
    };
    let claimed = store.claim(name(1), no_time).now_or_never().unwrap();
    assert_eq!(claimed, NEW);
    assert!(store.pin(name(1), no_time.token, Duration::ZERO));
    // Each of these would renew the lease for ever.
    for _ in 0..3 {
        let again = claim(&store, 1);
        assert!(matches!(
            again,
            Ok(Claim::Run { attempt: 1 }) | Ok(Claim::Running { .. })
        ));
        assert_eq!(claim(&store, 2).map(drop), Ok(()));
        clock.advance(LEASE);
    }
}
