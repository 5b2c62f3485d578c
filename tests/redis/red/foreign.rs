//! Values of other programs, or of a later version.

use std::time::Duration;

use sluicegate::{
    red::{Fleet, Redis, Registry},
    redis::{Connection, ErrorKind},
};

use super::{
    instance::{FIVE_MINUTES, Instance, connect},
    sums,
};
use crate::{connection::until, server::Server};

fn windows(server: &Server) -> Vec<String> {
    let keys = redis::cmd("KEYS")
        .arg("*:red:10*")
        .query(&mut server.client());
    keys.unwrap()
}

fn put(server: &Server, field: &str, value: &str) {
    for window in windows(server) {
        let mut set = redis::cmd("HSET");
        set.arg(window)
            .arg(field)
            .arg(value)
            .exec(&mut server.client())
            .unwrap();
    }
}

async fn served(connection: &Connection) -> Instance {
    let mut instance = Instance::new(1, connection);
    instance.serve(50).await;
    instance.redis.flush().await.unwrap();
    instance
}

#[tokio::test]
async fn unknown_values_are_skipped_and_counted() {
    let server = Server::start();
    let instance = served(&connect(server.url()).await).await;
    for (field, value) in [
        ("0000000000000001", "quic_server GET /  0000000000000002"),
        ("0000000000000001:3", "17"),
        ("0000000000000002", "bounds 1 2 3"),
        ("0000000000000003", "http_server GET /  0000000000000002"),
        ("0000000000000003:9", "1"),
        ("0000000000000004:0", "1"),
        ("0000000000000005", "http_server GET /  0000000000000005"),
        ("0000000000000005:0", "1"),
    ] {
        put(&server, field, value);
    }
    // Four histograms of an unknown kind.
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!(fleet.skipped, 4);
    for (field, value) in [
        ("0000000000000003:0", "many"),
        ("0000000000000003:-1", "1"),
        ("0000000000000003:65", "1"),
        ("0000000000000003:18446744073709551615", "1"),
        ("0000000000000003:last", "1"),
    ] {
        put(&server, field, value);
    }
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!(fleet.skipped, 9);
    assert_eq!(
        sums::of([&fleet.snapshot]),
        sums::of([&instance.registry.snapshot()])
    );
}

#[tokio::test]
async fn methods_of_a_newer_version_are_others() {
    let server = Server::start();
    let instance = served(&connect(server.url()).await).await;
    put(&server, "0000000000000002", "bounds 1 2 3");
    put(
        &server,
        "0000000000000003",
        "http_server BREW /tea  0000000000000002 418 ok status prompt",
    );
    put(&server, "0000000000000003:1", "7");
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    let tea = fleet.snapshot.route("/tea");
    assert_eq!((tea.ended(), tea.series[0].labels.method()), (7, "BREW"));
}

#[tokio::test]
async fn a_bucket_that_is_not_a_number_does_not_affect_others() {
    let server = Server::start();
    let connection = connect(server.url()).await;
    let mut instance = served(&connection).await;
    let fields = redis::cmd("HKEYS")
        .arg(&windows(&server)[0])
        .query(&mut server.client());
    let fields: Vec<String> = fields.unwrap();
    let broken = fields.iter().filter(|field| field.contains(':')).take(2);
    for (field, value) in broken.zip(["many", "9223372036854775807"]) {
        put(&server, field, value);
    }
    for _ in 0..5 {
        instance.serve(200).await;
        instance.redis.flush().await.unwrap();
    }
    let stats = instance.redis.stats();
    assert_eq!((stats.failures, stats.unshipped), (0, 0));
    instance.redis.read(FIVE_MINUTES).await.unwrap();
}

/// Or else what was counted before would be counted again.
#[tokio::test]
async fn a_sequence_that_is_not_a_number_is_not_the_first() {
    let server = Server::start();
    let mut instance = served(&connect(server.url()).await).await;
    let mut client = server.client();
    let records: Vec<String> = redis::cmd("KEYS")
        .arg("*:instance:*")
        .query(&mut client)
        .unwrap();
    let [record] = &records[..] else {
        panic!("one instance: {records:?}")
    };
    let sequence: String = redis::cmd("HGET")
        .arg(record)
        .arg("sequence")
        .query(&mut client)
        .unwrap();
    let mut set = |sequence: &str| {
        let mut set = redis::cmd("HSET");
        set.arg(record).arg("sequence").arg(sequence);
        set.exec(&mut client).unwrap();
    };
    set("many");
    instance.serve(10).await;
    let error = instance.redis.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreadable, "{error}");
    set(&sequence);
    instance.redis.flush().await.unwrap();
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!(
        sums::of([&fleet.snapshot]),
        sums::of([&instance.registry.snapshot()])
    );
}

/// Reads values that are not a window, a record or a fleet.
#[tokio::test]
async fn keys_of_another_kind_are_errors_until_they_are_gone() {
    let server = Server::start();
    let connection = connect(server.url()).await;
    let mut instance = served(&connection).await;
    let mut client = server.client();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*:red*").query(&mut client).unwrap();
    for key in keys.iter().filter(|key| !key.contains(":10")) {
        let mut copy = redis::pipe();
        copy.cmd("RENAME").arg(key).arg("kept").ignore();
        copy.cmd("SET").arg(key).arg("something else").ignore();
        copy.exec(&mut client).unwrap();
        instance.serve(10).await;
        let error = instance.redis.flush().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server, "{error}");
        instance.redis.read(FIVE_MINUTES).await.unwrap_err();
        redis::cmd("RENAME")
            .arg("kept")
            .arg(key)
            .exec(&mut client)
            .unwrap();
        instance.redis.flush().await.unwrap();
    }
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!(
        sums::of([&fleet.snapshot]),
        sums::of([&instance.registry.snapshot()])
    );
}

#[tokio::test]
async fn labels_may_be_anything() {
    let server = Server::start();
    let connection = connect(server.url()).await;
    let mut instance = Instance::new(1, &connection);
    let long = "ö".repeat(5_000);
    let names = [
        "", " ", "\n", "a b", "a\tb\r\n", "{a}", "%", "%41", ":", "\0", "日本", &long,
    ];
    for name in names {
        instance.call(name, Duration::from_millis(3)).await;
    }
    instance.redis.flush().await.unwrap();
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!(fleet.snapshot, instance.registry.snapshot());
    assert_eq!(
        (fleet.snapshot.series.len(), fleet.skipped),
        (names.len(), 0)
    );
}

#[tokio::test]
async fn histograms_of_other_bounds_stand_beside_each_other() {
    let server = Server::start();
    let connection = connect(server.url()).await;
    let mut usual = Instance::new(1, &connection);
    let mut other = Instance::new(2, &connection);
    let bounds = [1, 10, 100].map(Duration::from_millis);
    other.registry = Registry::builder().buckets(bounds).build();
    other.redis = Redis::new("orders", &other.registry, &connection);
    for instance in [&mut usual, &mut other] {
        instance
            .answer_with("/", 200, Duration::from_millis(5))
            .await;
        instance.redis.flush().await.unwrap();
    }
    let fleet: Fleet = usual.redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!((fleet.snapshot.ended(), fleet.snapshot.started()), (2, 2));
    assert_eq!(fleet.snapshot.durations(), None, "they do not add up");
    assert_eq!(fleet.skipped, 0);
}

#[tokio::test]
async fn a_server_that_lost_everything_is_told_what_comes_next() {
    let mut server = Server::start();
    let mut instance = served(&connect(server.url()).await).await;
    let told = instance.registry.snapshot().ended();
    server.restart();
    instance.serve(50).await;
    let flushed = || async { instance.redis.flush().await.is_ok() };
    until("it is shipped", flushed).await;
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    let ended = instance.registry.snapshot().ended();
    assert_eq!(fleet.snapshot.ended(), ended - told);
}
