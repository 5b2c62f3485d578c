//! A lease lasts as long as its holder, and no longer.

use std::time::Duration;

use futures_util::FutureExt;
use sluicegate::idempotency::{
    Body, Claimant, Claimed, CompletionStatus, Event, Guard, Observe, Record, Reply, Store,
    StoreError, Takeover,
};
use tokio::time::{advance, sleep};

use crate::support::{LEASE, Mood, Moody, claimant, is_settled, name, work};

fn record() -> Record {
    Record::Value(Body::Kept("done".into()))
}

async fn claim<S: Store>(claimant: &Claimant<S>) -> Claimed<S> {
    claimant.claim(name(), work()).await.unwrap()
}

async fn run<S: Store>(claimant: &Claimant<S>) -> Guard<S> {
    match claim(claimant).await {
        Claimed::Run(guard) => guard,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_as_long_as_it_is_held() {
    let (claimant, _store, counts) = claimant();
    let guard = run(&claimant).await;
    for _ in 0..100 {
        sleep(LEASE / 2).await;
        let Claimed::Running { left } = claim(&claimant).await else {
            panic!("it went to another");
        };
        assert!(left > LEASE / 2, "{left:?}");
    }
    assert!(!guard.lease().is_lost());
    assert_eq!(guard.complete(record()).await, CompletionStatus::Saved);
    assert!(matches!(claim(&claimant).await, Claimed::Replay(kept) if kept == record()));
    let counts = counts.snapshot();
    assert_eq!(
        (counts.running, counts.completed, counts.replayed),
        (100, 1, 1)
    );
    assert!(is_settled(counts));
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_is_dropped_releases_nothing() {
    let (claimant, _store, counts) = claimant();
    let first = run(&claimant).await;
    assert!(!first.lease().is_recovered());
    drop(first);
    sleep(LEASE - Duration::from_millis(2)).await;
    assert!(matches!(claim(&claimant).await, Claimed::Running { .. }));
    sleep(Duration::from_millis(2)).await;

    let careful = claimant.clone().takeover(Takeover::Refuse);
    assert!(matches!(claim(&careful).await, Claimed::Unknown));
    let second = run(&claimant).await;
    assert!(second.lease().is_recovered());
    assert_eq!(second.complete(record()).await, CompletionStatus::Saved);
    let counts = counts.snapshot();
    assert_eq!(
        (counts.abandoned, counts.unknown, counts.recovered),
        (1, 1, 1)
    );
    assert!(is_settled(counts));
}

#[tokio::test(start_paused = true)]
async fn released_work_may_run_at_once() {
    let (claimant, _store, counts) = claimant();
    let first = run(&claimant).await;
    let token = first.lease().token();
    assert_eq!(first.release().await, CompletionStatus::Saved);
    let second = run(&claimant).await;
    assert!(!second.lease().is_recovered());
    assert_ne!(second.lease().token(), token);
    assert_eq!(second.release().await, CompletionStatus::Saved);
    assert_eq!(counts.snapshot().released, 2);
}

/// The holder was suspended for longer than a lease, and did not renew it.
#[tokio::test(start_paused = true)]
async fn a_holder_that_lost_its_lease_is_told_and_changes_nothing() {
    let (claimant, _store, counts) = claimant();
    let slow = run(&claimant).await;
    // No task runs meanwhile.
    advance(LEASE).now_or_never();
    let other = run(&claimant).await;
    assert!(other.lease().is_recovered());
    let lease = slow.lease().clone();
    lease.lost().await;
    assert!(lease.is_lost());
    assert_eq!(other.complete(record()).await, CompletionStatus::Saved);
    let late = Record::Value(Body::Kept("late".into()));
    assert_eq!(slow.complete(late).await, CompletionStatus::Lost);
    assert!(matches!(claim(&claimant).await, Claimed::Replay(kept) if kept == record()));
    assert_eq!(counts.snapshot().lost, 1);
    assert!(is_settled(counts.snapshot()));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_could_not_be_renewed_is_lost_when_it_ends() {
    for mood in [Mood::Away, Mood::Stuck] {
        let (claimant, store, _counts) = claimant();
        let guard = run(&claimant).await;
        store.fail(usize::MAX, mood);
        let asked = tokio::time::Instant::now();
        assert!(guard.lease().lost().now_or_never().is_none());
        sleep(LEASE - Duration::from_millis(1)).await;
        assert!(!guard.lease().is_lost());
        guard.lease().lost().await;
        assert!(
            asked.elapsed() <= LEASE + Duration::from_millis(2),
            "{mood:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_lease_is_held_again_when_the_store_is_back() {
    let (claimant, store, counts) = claimant();
    let guard = run(&claimant).await;
    store.fail(7, Mood::Away);
    sleep(3 * LEASE).await;
    assert!(guard.lease().is_lost());
    assert!(matches!(claim(&claimant).await, Claimed::Running { .. }));
    assert_eq!(guard.complete(record()).await, CompletionStatus::Saved);
    assert_eq!(counts.snapshot().store_failed, 7);
}

#[tokio::test(start_paused = true)]
async fn a_failed_report_is_repeated() {
    let (claimant, store, counts) = claimant();
    let guard = run(&claimant).await;
    store.fail(4, Mood::Away);
    assert_eq!(guard.complete(record()).await, CompletionStatus::Unsaved);
    assert_eq!(claimant.tracker().running(), 1);
    assert_eq!(claimant.tracker().drain(LEASE).await, 0);
    assert!(matches!(claim(&claimant).await, Claimed::Replay(kept) if kept == record()));
    let snapshot = counts.snapshot();
    assert_eq!((snapshot.unsaved, snapshot.saved_late), (1, 1));
    assert_eq!((snapshot.completed, snapshot.store_failed), (0, 4));

    let (claimant, store, counts) = self::claimant();
    let guard = run(&claimant).await;
    store.fail(1, Mood::Away);
    assert_eq!(guard.release().await, CompletionStatus::Unsaved);
    assert_eq!(claimant.tracker().drain(LEASE).await, 0);
    drop(run(&claimant).await);
    assert!(is_settled(counts.snapshot()));
}

#[tokio::test(start_paused = true)]
async fn a_report_whose_answer_was_lost_is_repeated_without_harm() {
    let (claimant, store, counts) = claimant();
    let guard = run(&claimant).await;
    store.fail(2, Mood::Mute);
    assert_eq!(guard.complete(record()).await, CompletionStatus::Unsaved);
    assert!(matches!(claim(&claimant).await, Claimed::Replay(_)));
    assert_eq!(claimant.tracker().drain(LEASE).await, 0);
    assert_eq!(counts.snapshot().saved_late, 1);
}

#[tokio::test(start_paused = true)]
async fn a_record_is_kept_although_the_store_has_lost_the_work() {
    let (claimant, store, counts) = claimant();
    let guard = run(&claimant).await;
    store.flush();
    assert_eq!(guard.complete(record()).await, CompletionStatus::Saved);
    assert!(matches!(claim(&claimant).await, Claimed::Replay(kept) if kept == record()));
    let snapshot = counts.snapshot();
    assert_eq!((snapshot.restored, snapshot.completed), (1, 1));
    assert_eq!(snapshot.lost, 0);
    assert!(is_settled(snapshot));
}

#[tokio::test(start_paused = true)]
async fn a_record_is_lost_if_another_holder_has_begun_the_lost_work() {
    let (claimant, store, counts) = claimant();
    let guard = run(&claimant).await;
    store.flush();
    let other = run(&claimant).await;
    let late = Record::Value(Body::Kept("late".into()));
    assert_eq!(guard.complete(late).await, CompletionStatus::Lost);
    assert_eq!(other.complete(record()).await, CompletionStatus::Saved);
    assert!(matches!(claim(&claimant).await, Claimed::Replay(kept) if kept == record()));
    let snapshot = counts.snapshot();
    assert_eq!((snapshot.restored, snapshot.lost), (0, 1));
}

/// As in a failover while the server is unreachable.
#[tokio::test(start_paused = true)]
async fn a_repeated_report_is_kept_although_the_work_was_lost_meanwhile() {
    let (claimant, store, counts) = claimant();
    let guard = run(&claimant).await;
    store.fail(3, Mood::Away);
    assert_eq!(guard.complete(record()).await, CompletionStatus::Unsaved);
    store.flush();
    assert_eq!(claimant.tracker().drain(LEASE).await, 0);
    assert!(matches!(claim(&claimant).await, Claimed::Replay(_)));
    let snapshot = counts.snapshot();
    assert_eq!((snapshot.restored, snapshot.saved_late), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_report_is_not_repeated_for_ever() {
    let (claimant, store, counts) = claimant();
    let guard = run(&claimant).await;
    store.fail(usize::MAX, Mood::Away);
    assert_eq!(guard.complete(record()).await, CompletionStatus::Unsaved);
    assert_eq!(claimant.tracker().drain(2 * LEASE).await, 0);
    store.fail(0, Mood::Away);
    assert!(run(&claimant).await.lease().is_recovered());
    assert_eq!(counts.snapshot().saved_late, 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_without_room_for_the_body_keeps_the_rest() {
    let (claimant, store, _counts) = claimant();
    let mut reply = Reply::new(http::StatusCode::CREATED);
    reply.body = Body::Kept(vec![0; 1_000].into());
    store.fail(2, Mood::FullAbove(100));
    let guard = run(&claimant).await;
    store.fail(2, Mood::FullAbove(100));
    assert_eq!(
        guard.complete(Record::Reply(reply.clone())).await,
        CompletionStatus::Saved
    );
    reply.body = Body::Omitted;
    let kept = claim(&claimant).await;
    assert!(matches!(kept, Claimed::Replay(kept) if kept == Record::Reply(reply)));
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_was_lost_is_repeated() {
    let (claimant, store, counts) = claimant();
    store.fail(1, Mood::Mute);
    let guard = run(&claimant).await;
    assert!(!guard.lease().is_recovered());
    assert_eq!(counts.snapshot().store_failed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_may_have_been_granted_is_given_back() {
    let (claimant, store, counts) = claimant();
    store.fail(2, Mood::Mute);
    let failed = claimant.claim(name(), work()).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))));
    assert_eq!(claimant.tracker().drain(LEASE).await, 0);
    drop(run(&claimant).await);
    assert_eq!(counts.snapshot().store_failed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_of_another_version_is_not_overwritten() {
    let (claimant, store, counts) = claimant();
    let guard = run(&claimant).await;
    let token = guard.lease().token();
    let foreign = b"SGIR\x09?".as_slice().into();
    let kept = store.inner.complete(name(), token, foreign, LEASE).await;
    assert!(kept.is_ok());
    let claimed = claimant.claim(name(), work()).await;
    assert!(matches!(claimed, Err(StoreError::Record(_))));
    assert_eq!(counts.snapshot().store_failed, 1);
}

#[test]
#[should_panic(expected = "must be 10 ms to a day")]
fn a_lease_of_zero_is_refused() {
    let _ = Claimant::new(Moody::new()).lease(Duration::ZERO);
}

/// An observer is told in the order in which things happen.
#[derive(Debug, Default)]
struct Told(std::sync::Mutex<Vec<Event>>);

impl Observe for Told {
    fn noticed(&self, event: &Event) {
        self.0.lock().unwrap().push(*event);
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_is_told_of_each_step() {
    let told = std::sync::Arc::new(Told::default());
    let claimant = Claimant::new(Moody::new()).observe(told.clone());
    let guard = run(&claimant).await;
    let _ = claim(&claimant).await;
    guard.complete(record()).await;
    let _ = claim(&claimant).await;
    let recovered = false;
    let events = [
        Event::Began { recovered },
        Event::Running,
        Event::Completed,
        Event::Replayed,
    ];
    assert_eq!(*told.0.lock().unwrap(), events);
}
