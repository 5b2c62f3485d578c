//! Work whose record the server loses while it runs.

use std::sync::Arc;

use redis::cmd;
use sluicegate::idempotency::{
    Body, Claimant, Claimed, CompletionStatus, Counts, Fingerprint, Guard, Record, Redis,
};

use super::{name, store};
use crate::server::Server;

/// One of two instances.
async fn instance(server: &Server) -> (Claimant<Redis>, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let (store, _) = store(server.url()).await;
    (Claimant::new(store).observe(counts.clone()), counts)
}

fn record(text: &'static str) -> Record {
    Record::Value(Body::Kept(text.into()))
}

async fn claim(claimant: &Claimant<Redis>) -> Claimed<Redis> {
    let claimed = claimant.claim(name("k"), Fingerprint::of("work"));
    claimed.await.unwrap()
}

async fn run(claimant: &Claimant<Redis>) -> Guard<Redis> {
    match claim(claimant).await {
        Claimed::Run(guard) => guard,
        other => panic!("{other:?}"),
    }
}

fn lose_all(server: &Server) {
    let flushed: String = cmd("FLUSHALL").query(&mut server.client()).unwrap();
    assert_eq!(flushed, "OK");
}

#[tokio::test]
async fn a_lost_record_is_restored_and_replayed() {
    let server = Server::start();
    let ((one, counts), (other, _)) = (instance(&server).await, instance(&server).await);
    let guard = run(&one).await;
    lose_all(&server);
    assert_eq!(
        guard.complete(record("done")).await,
        CompletionStatus::Saved
    );
    let again = claim(&other).await;
    assert!(matches!(again, Claimed::Replay(kept) if kept == record("done")));
    let work = one.claim(name("k"), Fingerprint::of("other work")).await;
    assert!(
        matches!(work, Ok(Claimed::Mismatch)),
        "it is known by its fingerprint"
    );
    let counts = counts.snapshot();
    assert_eq!((counts.restored, counts.completed, counts.lost), (1, 1, 0));
}

#[tokio::test]
async fn the_record_of_a_holder_that_took_over_counts() {
    let server = Server::start();
    let ((one, counts), (other, _)) = (instance(&server).await, instance(&server).await);
    let guard = run(&one).await;
    lose_all(&server);
    let second = run(&other).await;
    assert_eq!(guard.complete(record("late")).await, CompletionStatus::Lost);
    assert_eq!(
        second.complete(record("done")).await,
        CompletionStatus::Saved
    );
    let again = claim(&one).await;
    assert!(matches!(again, Claimed::Replay(kept) if kept == record("done")));
    let counts = counts.snapshot();
    assert_eq!((counts.restored, counts.lost), (0, 1));
}
