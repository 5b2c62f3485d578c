use std::time::Duration;

use sluicegate::clock::Tick;

use super::instance::{FIVE_MINUTES, Instance, connect};
use crate::server::Server;

const NOW: Tick = 1_700_000_000_000_000;

const HOUR: Duration = Duration::from_secs(3_600);

const HOURS: Tick = 3_600_000_000;

#[tokio::test]
async fn an_instance_that_is_silent_drops_out_of_what_is_in_flight() {
    let server = Server::start();
    let connection = connect(server.url()).await;
    let mut silent = Instance::every(HOUR, 1, &connection);
    let mut other = Instance::every(HOUR, 2, &connection);
    let _waiting = (silent.begin("/a"), silent.begin("/b"), other.begin("/a"));
    silent.redis.flush_at(Some(NOW)).await.unwrap();
    other.redis.flush_at(Some(NOW + HOURS)).await.unwrap();
    let in_flight = async |now| {
        let fleet = other
            .redis
            .reader()
            .read_at(FIVE_MINUTES, Some(now))
            .await
            .unwrap();
        assert_eq!(fleet.snapshot.in_flight(), fleet.in_flight());
        let of_a = fleet.snapshot.route("/a").in_flight();
        (fleet.instances.len(), fleet.in_flight(), of_a)
    };
    // After three intervals.
    assert_eq!(in_flight(NOW + 3 * HOURS - 1).await, (2, 3, 2));
    assert_eq!(in_flight(NOW + 3 * HOURS).await, (1, 1, 1));
    assert_eq!(in_flight(NOW + 4 * HOURS).await, (0, 0, 0));
    // It was only away.
    silent.redis.flush_at(Some(NOW + 5 * HOURS)).await.unwrap();
    assert_eq!(in_flight(NOW + 5 * HOURS).await, (1, 2, 1));
}

#[tokio::test]
async fn requests_in_flight_stay_fresh_while_none_ends() {
    let server = Server::start();
    let mut instance = Instance::new(1, &connect(server.url()).await);
    let mut waiting = Vec::new();
    for round in 0..4 {
        instance.redis.flush().await.unwrap();
        let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
        assert_eq!(
            (fleet.in_flight(), fleet.snapshot.started()),
            (round, round)
        );
        waiting.push(instance.begin("/slow"));
    }
    waiting.clear();
    instance.redis.flush().await.unwrap();
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!((fleet.in_flight(), fleet.snapshot.ended()), (0, 4));
}

#[tokio::test]
async fn after_a_shutdown_nothing_is_in_flight() {
    let server = Server::start();
    let mut instance = Instance::new(1, &connect(server.url()).await);
    let _waiting = instance.begin("/slow");
    instance.redis.flush().await.unwrap();
    instance.redis.shutdown().await.unwrap();
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!((fleet.instances.len(), fleet.in_flight()), (0, 0));
}

#[tokio::test]
async fn those_that_have_gone_are_forgotten_a_few_at_a_time() {
    let server = Server::start();
    let connection = connect(server.url()).await;
    for seed in 0..25 {
        let mut instance = Instance::every(HOUR, seed, &connection);
        let _waiting = instance.begin("/a");
        instance.redis.flush_at(Some(NOW)).await.unwrap();
        std::mem::forget(instance.redis);
    }
    let mut client = server.client();
    let last = Instance::every(HOUR, 99, &connection);
    for left in [16, 6, 1, 1] {
        last.redis.flush_at(Some(NOW + 3 * HOURS)).await.unwrap();
        let known: u64 = redis::cmd("ZCARD")
            .arg("sluicegate:{orders}:red")
            .query(&mut client)
            .unwrap();
        assert_eq!(known, left);
    }
    let records: Vec<String> = redis::cmd("KEYS")
        .arg("*:instance:*")
        .query(&mut client)
        .unwrap();
    assert_eq!(records.len(), 26);
    for record in records {
        let fields: u64 = redis::cmd("HLEN").arg(&record).query(&mut client).unwrap();
        // Its number is remembered, so that nothing is counted twice.
        let is_last = record.ends_with(last.redis.instance());
        assert_eq!(fields, if is_last { 4 } else { 1 });
    }
}

#[tokio::test]
async fn an_instance_may_have_a_name_and_is_another_one_each_time() {
    let server = Server::start();
    let connection = connect(server.url()).await;
    let registry = sluicegate::red::Registry::new();
    let named =
        || sluicegate::red::Redis::builder("orders", &registry, &connection).instance("pod {7}:a");
    let (one, other) = (named().build(), named().build());
    assert!(
        one.instance().starts_with("pod%20%7B7%7D%3Aa:"),
        "{}",
        one.instance()
    );
    assert_ne!(one.instance(), other.instance());
    one.flush().await.unwrap();
    other.flush().await.unwrap();
    let fleet = one.read(FIVE_MINUTES).await.unwrap();
    assert_eq!(fleet.instances.len(), 2);
}
