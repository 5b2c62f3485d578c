use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use futures_util::future::join_all;
use sluicegate::{
    limit::{FailClosed, Quota, Redis, TokenBucket},
    redis::{ErrorKind, Server as Place},
};

use super::{accounts::Load, limiter};
use crate::{
    cluster::Cluster,
    connection::{builder, until},
};

/// Keys whose buckets this node has in the beginning.
fn keys_on(cluster: &Cluster, node: usize, many: usize) -> Vec<String> {
    let keys = (0..).map(|key| format!("{node}-{key}"));
    let keys = keys.filter(|key| Cluster::first_owner(cluster.slot(&bucket(key))) == node);
    keys.take(many).collect()
}

fn bucket(key: &str) -> String {
    format!("sluicegate:{{api:{key}}}:t")
}

/// Moves a slot with the only bucket in it, with some traffic between the steps.
async fn move_slot(cluster: &Cluster, key: &str, to: usize, traffic: impl AsyncFn()) {
    let bucket = bucket(key);
    let slot = cluster.slot(&bucket);
    let from = Cluster::first_owner(slot);
    let (source, target) = (cluster.id(from), cluster.id(to));
    cluster.set_slot(to, slot, &["IMPORTING", &source]);
    cluster.set_slot(from, slot, &["MIGRATING", &target]);
    traffic().await;
    cluster.migrate(from, to, &bucket);
    traffic().await;
    cluster.set_slot(to, slot, &["NODE", &target]);
    cluster.set_slot(from, slot, &["NODE", &target]);
    traffic().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_charged_twice_while_slots_move() {
    let cluster = Cluster::start();
    let places = Place::cluster(cluster.urls());
    let (connection, limiter) = limiter(builder(places)).await;
    let keys: Vec<_> = (0..3).flat_map(|node| keys_on(&cluster, node, 6)).collect();
    let load = Load::of(&limiter, keys.clone());
    for (place, key) in keys.iter().enumerate().step_by(3) {
        let to = (place / 6 + 1) % 3;
        move_slot(&cluster, key, to, || load.until_admitted()).await;
    }
    assert!(connection.stats().redirections > 0);
    load.end().await.balance_without_failures().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_limit_is_exact_while_slots_move() {
    const LIMIT: usize = 500;
    let cluster = Cluster::start();
    let connection = builder(Place::cluster(cluster.urls()));
    let connection = connection.connect().await.unwrap();
    let rule = TokenBucket::new(Quota::per_hour(1).burst(LIMIT as u64));
    let limiter = Redis::builder("api", rule, &connection);
    let limiter = limiter.remember_denials(0).build(FailClosed);
    let keys: Vec<_> = (0..3).flat_map(|node| keys_on(&cluster, node, 8)).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let traffic = keys.iter().cloned().map(|key| {
        let (limiter, asked) = (limiter.clone(), asked.clone());
        tokio::spawn(async move {
            let mut admitted = 0;
            // Concurrent checks, which share calls, for twice the quota.
            for _ in 0..LIMIT / 5 {
                let answers = join_all((0..10).map(|_| limiter.check(&key, 1))).await;
                let answers = answers.into_iter().map(Result::unwrap);
                admitted += answers.filter(|answer| answer.is_admitted()).count();
                asked.fetch_add(10, Relaxed);
            }
            admitted
        })
    });
    let traffic: Vec<_> = traffic.collect();
    let all = keys.len() * LIMIT * 2;
    let some = async || {
        let enough = (asked.load(Relaxed) + all / 50).min(all);
        until("some are asked", || async { asked.load(Relaxed) >= enough }).await;
    };
    for (place, key) in keys.iter().enumerate().step_by(4) {
        move_slot(&cluster, key, (place / 8 + 1) % 3, some).await;
    }
    for admitted in join_all(traffic).await {
        assert_eq!(admitted.unwrap(), LIMIT);
    }
    assert!(connection.stats().redirections > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_takes_no_other_limit_along() {
    let mut cluster = Cluster::start();
    let places = Place::cluster(cluster.urls());
    let (connection, limiter) = limiter(builder(places)).await;
    let keys: Vec<_> = (0..3).flat_map(|node| keys_on(&cluster, node, 2)).collect();
    let load = Load::of(&limiter, keys);
    load.until_admitted().await;
    cluster.nodes[0].kill();
    load.until_refused().await;
    load.until_admitted().await;
    let accounts = load.end().await;
    for place in 0..2 {
        let error = limiter.check(&accounts.keys[place], 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CircuitOpen);
    }
    for (key, tally) in accounts.keys.iter().zip(&*accounts.tallies).skip(2) {
        assert_eq!(tally.refused.load(Relaxed), 0, "{key}: {tally:?}");
        tally.explains(super::accounts::charged(&limiter, key).await);
    }
    cluster.nodes[0].restart();
    until("it is back", || async {
        limiter.peek(&accounts.keys[0]).await.is_ok()
    })
    .await;
    assert!(connection.stats().closed >= 1);
    let afresh = Load::of(&limiter, [accounts.keys[0].clone()]);
    afresh.until_admitted().await;
    afresh.end().await.balance().await;
}
