use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use sluicegate::redis::{ErrorKind, Server as Place};

use super::{Tally, builder, count, until};
use crate::{cluster::Cluster, server::Server};

/// Keys in one slot, which the first node has at the start.
fn keys_of_one_slot(cluster: &Cluster) -> (u16, Vec<String>) {
    keys_of_another_slot(cluster, None)
}

fn keys_of_another_slot(cluster: &Cluster, but: Option<u16>) -> (u16, Vec<String>) {
    let mut tags = (0..).map(|n| format!("{{tag{n}}}"));
    let is_owned = |slot| Cluster::first_owner(slot) == 0 && Some(slot) != but;
    let tag = tags.find(|tag| is_owned(cluster.slot(tag)));
    let tag = tag.expect("one of three");
    (
        cluster.slot(&tag),
        (0..8).map(|n| format!("{tag}{n}")).collect(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_twice_while_a_slot_moves() {
    let cluster = Cluster::start();
    let redis = builder(Place::cluster(cluster.urls()))
        .connect()
        .await
        .unwrap();
    let (slot, keys) = keys_of_one_slot(&cluster);
    let done = AtomicBool::new(false);
    let traffic = async {
        let mut tally = Tally::default();
        while !done.load(Ordering::Relaxed) {
            let calls = keys.iter().map(|key| count(&redis, key));
            let results = futures_util::future::join_all(calls).await;
            results.iter().for_each(|result| tally.add(result));
        }
        tally
    };
    let some_more = || async {
        let calls = redis.stats().calls;
        until("more traffic", || async {
            redis.stats().calls > calls + 40
        })
        .await;
    };
    let moving = async {
        some_more().await;
        let (source, target) = (cluster.id(0), cluster.id(1));
        cluster.set_slot(1, slot, &["IMPORTING", &source]);
        cluster.set_slot(0, slot, &["MIGRATING", &target]);
        for key in &keys {
            some_more().await;
            cluster.migrate(0, 1, key);
        }
        some_more().await;
        let asked = redis.stats().redirections;
        assert!(asked > 0, "the source pointed to the target");
        cluster.set_slot(1, slot, &["NODE", &target]);
        cluster.set_slot(0, slot, &["NODE", &target]);
        until("a MOVED", || async { redis.stats().redirections > asked }).await;
        some_more().await;
        done.store(true, Ordering::Relaxed);
    };
    let (tally, ()) = futures_util::join!(traffic, moving);
    let mut client = cluster.nodes[1].client();
    let get = |key| {
        redis::cmd("GET")
            .arg(key)
            .query::<i64>(&mut client)
            .unwrap()
    };
    tally.explains(keys.iter().map(get).sum());
    assert_eq!((tally.unsure, tally.refused), (0, 0), "{:?}", redis.stats());

    let before = redis.stats().redirections;
    count(&redis, &keys[0]).await.unwrap();
    assert_eq!(redis.stats().redirections, before, "it knows by now");
}

#[tokio::test]
async fn a_killed_node_takes_no_other_along() {
    let mut cluster = Cluster::start();
    let redis = builder(Place::cluster(cluster.urls()))
        .connect()
        .await
        .unwrap();
    let keys: Vec<_> = (0..3)
        .map(|node| {
            let mut keys = (0..).map(|n| format!("k{n}"));
            let key = keys.find(|key| Cluster::first_owner(cluster.slot(key)) == node);
            key.expect("one of three")
        })
        .collect();
    for key in &keys {
        assert_eq!(count(&redis, key).await.unwrap(), 1);
    }
    cluster.nodes[0].kill();
    until("the node's breaker opens", || async {
        let error = count(&redis, &keys[0]).await.unwrap_err();
        error.kind() == ErrorKind::CircuitOpen
    })
    .await;
    for round in 2..50 {
        assert_eq!(count(&redis, &keys[1]).await.unwrap(), round);
        assert_eq!(count(&redis, &keys[2]).await.unwrap(), round);
    }
    cluster.nodes[0].restart();
    until("it is back", || async {
        count(&redis, &keys[0]).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn nothing_runs_twice_when_connections_to_a_cluster_are_killed() {
    let cluster = Cluster::start();
    let places = Place::cluster(cluster.urls());
    let patient = builder(places).breaker(1_000_000, Duration::from_secs(1));
    let redis = patient.connect().await.unwrap();
    let (_, keys) = keys_of_one_slot(&cluster);
    let mut client = cluster.nodes[0].client();
    let mut tally = Tally::default();
    for _ in 0..20 {
        let calls = futures_util::future::join_all(keys.iter().map(|key| count(&redis, key)));
        let kill = async {
            let mut order = redis::cmd("CLIENT");
            order.arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]);
            order.exec(&mut client).unwrap();
        };
        let (results, ()) = futures_util::join!(calls, kill);
        results.iter().for_each(|result| tally.add(result));
    }
    let get = |key| {
        redis::cmd("GET")
            .arg(key)
            .query::<Option<i64>>(&mut client)
            .unwrap()
    };
    let counted = keys.iter().map(get).map(Option::unwrap_or_default).sum();
    tally.explains(counted);
}

#[tokio::test]
async fn a_replica_takes_over_from_a_killed_primary() {
    let mut cluster = Cluster::start();
    let replica = cluster.add_replica_of(0);
    let redis = builder(Place::cluster(cluster.urls()))
        .connect()
        .await
        .unwrap();
    let (_, keys) = keys_of_one_slot(&cluster);
    assert_eq!(count(&redis, &keys[0]).await.unwrap(), 1);
    cluster.nodes[0].kill();
    until("the replica answers", || async {
        count(&redis, &keys[0]).await.is_ok()
    })
    .await;
    let mut client = cluster.nodes[replica].client();
    let counted: i64 = redis::cmd("GET").arg(&keys[0]).query(&mut client).unwrap();
    assert!(counted >= 1);
}

#[tokio::test]
async fn a_cluster_that_is_down_gets_no_calls() {
    let places = Place::cluster(["redis://127.0.0.1:1", "redis://127.0.0.1:2"]);
    let redis = builder(places)
        .breaker(3, Duration::from_secs(60))
        .lazy()
        .unwrap();
    for _ in 0..3 {
        let error = count(&redis, "k").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    }
    let error = count(&redis, "k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CircuitOpen);
}

/// How often the nodes were asked for the topology.
fn topologies(cluster: &Cluster) -> u64 {
    let asked = |node: &Server| -> u64 {
        let mut info = redis::cmd("INFO");
        let info: String = info.arg("commandstats").query(&mut node.client()).unwrap();
        let line = info.lines().find_map(|line| {
            let line = line.strip_prefix("cmdstat_cluster|slots:calls=")?;
            line.split(',').next()?.parse().ok()
        });
        line.unwrap_or(0)
    };
    cluster.nodes.iter().map(asked).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_to_a_slot_without_a_node_ask_for_the_topology_now_and_then() {
    const CALLS: u64 = 2_000;
    let cluster = Cluster::start();
    let (slot, keys) = keys_of_one_slot(&cluster);
    for node in &cluster.nodes {
        let mut forget = redis::cmd("CLUSTER");
        let forget = forget.arg("DELSLOTS").arg(slot);
        forget.exec(&mut node.client()).unwrap();
    }
    let places = Place::cluster(cluster.urls());
    let redis = builder(places).connect().await.unwrap();
    let (before, began) = (topologies(&cluster), Instant::now());
    for _ in 0..CALLS / 8 {
        let calls = keys.iter().map(|key| count(&redis, key));
        for result in futures_util::future::join_all(calls).await {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        }
    }
    // An attempt asks up to six nodes, and attempts are 90 ms apart at the least.
    let attempts = 1 + began.elapsed().as_millis() as u64 / 90;
    let asked = topologies(&cluster) - before;
    assert!(
        asked <= 6 * attempts && asked < CALLS / 2,
        "{asked} in {attempts}"
    );
    let (_, others) = keys_of_another_slot(&cluster, Some(slot));
    count(&redis, &others[0])
        .await
        .expect("the slot has a node");
    // The slot gets a node, and is found.
    for node in &cluster.nodes {
        let mut own = redis::cmd("CLUSTER");
        let own = own.arg("SETSLOT").arg(slot).arg("NODE").arg(cluster.id(0));
        own.exec(&mut node.client()).unwrap();
    }
    until("the slot is found", || async {
        count(&redis, &keys[0]).await.is_ok()
    })
    .await;
}
