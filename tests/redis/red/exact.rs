use futures_util::future::try_join_all;
use sluicegate::{
    red::{Fleet, Redis, redis::Reader},
    redis::{Connection, Server as Place},
};

use super::{
    instance::{FIVE_MINUTES, Instance, connect},
    sums,
};
use crate::{cluster::Cluster, server::Server};

/// Every reader gets exactly the counts of all instances.
async fn add_up(instances: &[Instance]) {
    let snapshots: Vec<_> = instances.iter().map(|it| it.registry.snapshot()).collect();
    let asked: u64 = instances.iter().map(|it| it.asked).sum();
    for span in [FIVE_MINUTES, FIVE_MINUTES * 12] {
        let fleet = instances[0].redis.read(span).await.unwrap();
        assert_eq!(sums::of([&fleet.snapshot]), sums::of(&snapshots));
        assert_eq!(fleet.snapshot.started(), asked);
        let ended: u64 = snapshots.iter().map(|it| it.ended()).sum();
        assert_eq!((fleet.snapshot.ended(), fleet.skipped), (ended, 0));
        assert_eq!(fleet.in_flight(), asked - ended);
    }
}

async fn several_add_up(connection: &Connection) {
    let mut instances: Vec<_> = (0..4).map(|seed| Instance::new(seed, connection)).collect();
    let mut waiting = Vec::new();
    for round in 0..10 {
        for instance in &mut instances[round % 3..] {
            instance.serve(30).await;
        }
        waiting.push(instances[round % 4].begin("/orders/{id}"));
        if round % 2 == 0 {
            waiting.remove(0);
        }
        let flushes = instances.iter().map(|it| it.redis.flush());
        try_join_all(flushes).await.unwrap();
    }
    add_up(&instances).await;
}

#[tokio::test]
async fn a_reader_gets_the_counts_of_all_instances() {
    let server = Server::start();
    several_add_up(&connect(server.url()).await).await;
}

#[tokio::test]
async fn in_a_cluster_too() {
    let cluster = Cluster::start();
    several_add_up(&connect(Place::cluster(cluster.urls())).await).await;
    let nodes = cluster.nodes.iter().map(|node| {
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg("*:red*")
            .query(&mut node.client())
            .unwrap();
        u32::from(!keys.is_empty())
    });
    assert_eq!(nodes.sum::<u32>(), 1, "all is in one slot");
}

#[tokio::test]
async fn one_snapshot_is_read_as_it_was() {
    for protocol in ["?protocol=3", "?protocol=2"] {
        let server = Server::start();
        let url = format!("{}{protocol}", server.url());
        let mut instance = Instance::new(1, &connect(url).await);
        instance.serve(200).await;
        let _waiting = instance.begin("/new");
        instance.redis.flush().await.unwrap();
        let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
        assert_eq!(fleet.snapshot, instance.registry.snapshot());
        tells_of(&fleet, &instance);
    }
}

fn tells_of(fleet: &Fleet, instance: &Instance) {
    let ended = fleet.snapshot.ended() as f64;
    let errors = fleet.snapshot.failed() as f64 / ended;
    assert_eq!(fleet.rate(), ended / fleet.covered.as_secs_f64());
    assert_eq!(fleet.error_ratio(), Some(errors));
    let [alone] = &fleet.instances[..] else {
        panic!("{:?}", fleet.instances)
    };
    assert_eq!(alone.id, instance.redis.instance());
    assert_eq!((alone.in_flight, alone.started), (1, instance.asked));
}

#[tokio::test]
async fn many_flushes_at_once_count_once() {
    let server = Server::start();
    let mut instance = Instance::new(2, &connect(server.url()).await);
    instance.serve(100).await;
    let flushes = (0..20).map(|_| instance.redis.flush());
    try_join_all(flushes).await.unwrap();
    let again = instance.redis.clone();
    again.flush().await.unwrap();
    add_up(&[instance]).await;
}

#[tokio::test]
async fn fleets_of_other_names_are_others() {
    let server = Server::start();
    let connection = connect(server.url()).await;
    let mut instance = Instance::new(3, &connection);
    instance.serve(20).await;
    let names = ["a", "a}:red", "{a}", "a:red:10s"];
    for name in names {
        let redis = Redis::new(name, &instance.registry, &connection);
        redis.flush().await.unwrap();
    }
    for name in names {
        let reader = Reader::new(name, &connection);
        let fleet = reader.read(FIVE_MINUTES).await.unwrap();
        assert_eq!(
            sums::of([&fleet.snapshot]),
            sums::of([&instance.registry.snapshot()])
        );
    }
    assert_eq!(
        instance
            .redis
            .read(FIVE_MINUTES)
            .await
            .unwrap()
            .snapshot
            .ended(),
        0
    );
}
