//! Clusters, and users with few rights.

use std::future::ready;

use sluicegate::{
    idempotency::{Claim, LeaseStatus, Redis, Store, StoreError},
    redis::Server as Place,
};

use super::{MINUTE, name, request, store};
use crate::{
    cluster::Cluster,
    connection::{builder, until},
    server::Server,
};

#[tokio::test]
async fn in_a_cluster_records_are_spread_and_completions_are_heard() {
    let cluster = Cluster::start();
    let place = || Place::cluster(cluster.urls());
    let (holder, _holder) = store(place()).await;
    let (waiter, _waiter) = store(place()).await;
    let mut owners = [0; 3];
    for key in 0..12 {
        let (name, request) = (name(&key.to_string()), request());
        let slot = cluster.slot(&format!("sluicegate:{{orders:{name}}}:idempotency"));
        owners[Cluster::first_owner(slot)] += 1;
        assert_eq!(
            holder.claim(name, request).await,
            Ok(Claim::Run { attempt: 1 })
        );
        let mut settled = Box::pin(waiter.settled(name));
        let looked = waiter.counts();
        let listens = until("it listens", || {
            let counts = waiter.counts();
            ready(
                counts.subscribed > 0
                    && counts.notified + counts.polled > looked.notified + looked.polled,
            )
        });
        tokio::select! {
            () = &mut settled => panic!("nothing has ended"),
            () = listens => {}
        }
        let kept = holder
            .complete(name, request.token, "done".into(), MINUTE)
            .await;
        assert_eq!(kept, Ok(LeaseStatus::Held));
        settled.await;
        let replayed = waiter.claim(name, super::request()).await;
        assert_eq!(replayed, Ok(Claim::Replay("done".into())));
    }
    assert!(owners.iter().all(|keys| *keys > 0), "{owners:?}");
    assert_eq!(
        waiter.eviction_policy().await,
        Ok(Some("noeviction".into()))
    );
}

/// The rights of all scripts, on keys with the prefix only.
const RIGHTS: &str =
    "~shop:* +eval +evalsha +time +get +set +del +pexpire +pttl +rpush +llen +lindex +ltrim";

async fn user(rights: &str) -> (Server, Redis) {
    let user = format!("--user app on >secret {RIGHTS} {rights}");
    let server = Server::with(&user.split(' ').collect::<Vec<_>>());
    let url = format!("redis://app:secret@127.0.0.1:{}", server.port());
    let connection = builder(url).prefix("shop").connect().await.unwrap();
    (server, Redis::new("orders", &connection))
}

#[tokio::test]
async fn the_rights_of_all_scripts_are_enough() {
    let (_server, store) = user("resetchannels").await;
    let request = request();
    assert_eq!(store.eviction_policy().await, Ok(None));
    assert!(store.claim(name("k"), request).await.is_ok());
    assert_eq!(
        store.renew(name("k"), request.token, MINUTE).await,
        Ok(LeaseStatus::Held)
    );
    // A waiter that cannot receive a message polls the record.
    let mut settled = Box::pin(store.settled(name("k")));
    tokio::select! {
        () = &mut settled => panic!("nothing has ended"),
        () = until("it looks", || ready(store.counts().polled > 0)) => {}
    }
    let kept = store
        .complete(name("k"), request.token, "done".into(), MINUTE)
        .await;
    assert_eq!(kept, Ok(LeaseStatus::Held));
    settled.await;
    let counts = store.counts();
    assert_eq!(
        (counts.subscribed, counts.notified, counts.evicting),
        (0, 0, false)
    );
}

#[tokio::test]
async fn with_more_rights_completions_are_heard_and_the_policy_is_known() {
    let (_server, store) = user("+publish +subscribe +info resetchannels &shop:*").await;
    assert_eq!(store.eviction_policy().await, Ok(Some("noeviction".into())));
    let request = request();
    assert!(store.claim(name("k"), request).await.is_ok());
    let mut settled = Box::pin(store.settled(name("k")));
    tokio::select! {
        () = &mut settled => panic!("nothing has ended"),
        () = until("it listens", || ready(store.counts().subscribed > 0)) => {}
    }
    assert_eq!(
        store.release(name("k"), request.token).await,
        Ok(LeaseStatus::Held)
    );
    settled.await;
}

#[tokio::test]
async fn a_record_that_the_user_may_not_read_is_an_error() {
    let (server, store) = user("").await;
    assert!(store.claim(name("k"), request()).await.is_ok());
    let mut set = redis::cmd("ACL");
    set.arg("SETUSER").arg("app").arg("-get");
    set.exec(&mut server.client()).unwrap();
    let refused = store.claim(name("k"), request()).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
}
