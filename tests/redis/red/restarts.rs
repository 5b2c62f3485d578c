use std::{future::ready, time::Duration};

use sluicegate::{
    red::{Redis, Snapshot, redis::Reader},
    redis::Connection,
};
use tokio::task::yield_now;

use super::{
    cut::Cut,
    instance::{FIVE_MINUTES, Instance, connect},
    sums,
};
use crate::{
    connection::{builder, until},
    dice::Dice,
    scratch::Scratch,
    server::{Server, free_port},
};

/// One that forgets nothing that it has acknowledged.
fn durable(scratch: &Scratch) -> Server {
    Server::with(&[
        "--dir",
        scratch.path(),
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ])
}

/// Serves and flushes, and is replaced in between, until it is told to end; what
/// all that it was have counted.
async fn live(mut seed: u64, connection: &Connection, end: impl Fn() -> bool) -> Vec<Snapshot> {
    let (mut dice, mut counted) = (Dice(seed), Vec::new());
    let mut instance = Instance::new(seed, connection);
    while !end() {
        instance.serve(dice.upto(9)).await;
        let _ = instance.redis.flush().await;
        if dice.upto(19) == 0 {
            counted.push(shut_down(&instance).await);
            seed += 100;
            instance = Instance::new(seed, connection);
        }
        yield_now().await;
    }
    counted.push(shut_down(&instance).await);
    counted
}

async fn shut_down(instance: &Instance) -> Snapshot {
    let down = || async { instance.redis.shutdown().await.is_ok() };
    until("all is shipped", down).await;
    assert_eq!(instance.redis.stats().unshipped, 0);
    instance.registry.snapshot()
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_doubled_while_servers_and_instances_restart() {
    let scratch = Scratch::new();
    let mut server = durable(&scratch);
    let cut = Cut::before(&server);
    let connection = connect(cut.url()).await;
    let done = std::cell::Cell::new(false);
    let lives = (0..3).map(|seed| live(seed, &connection, || done.get()));
    let crashes = async {
        let mut dice = Dice(9);
        for _ in 0..4 {
            for _ in 0..5 {
                let calls = connection.stats().calls;
                until("some traffic", || {
                    ready(connection.stats().calls > calls + 20)
                })
                .await;
                cut.lose(dice.upto(2) as usize);
            }
            server.kill();
            let failures = connection.stats().failures;
            until("it is missed", || {
                ready(connection.stats().failures > failures)
            })
            .await;
            server.restart();
        }
        cut.lose(0);
        done.set(true);
    };
    let (counted, ()) = futures_util::join!(futures_util::future::join_all(lives), crashes);
    let counted: Vec<_> = counted.into_iter().flatten().collect();
    assert!(counted.len() > 3, "none was restarted");
    let fleet = Reader::new("orders", &connection)
        .read(FIVE_MINUTES * 12)
        .await;
    assert_eq!(sums::of([&fleet.unwrap().snapshot]), sums::of(&counted));
}

#[tokio::test]
async fn counts_of_an_outage_arrive_after_it() {
    let mut server = Server::start();
    // With a breaker, as it is by default.
    let connection = builder(server.url()).connect().await.unwrap();
    let mut instance = Instance::new(1, &connection);
    server.kill();
    for flushes in 1..=10 {
        instance.serve(10).await;
        instance.redis.flush().await.unwrap_err();
        assert_eq!(instance.redis.stats().failures, flushes);
    }
    assert!(connection.stats().circuit_open > 0, "it goes on asking");
    let ended = instance.registry.snapshot().ended();
    assert_eq!(instance.redis.stats().unshipped, ended);
    server.restart();
    let flushed = || async { instance.redis.flush().await.is_ok() };
    until("all is shipped", flushed).await;
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!(
        sums::of([&fleet.snapshot]),
        sums::of([&instance.registry.snapshot()])
    );
    assert_eq!(instance.redis.stats().unshipped, 0);
}

#[tokio::test]
async fn the_task_ships_and_goes_on_after_an_outage() {
    let mut server = Server::start();
    let connection = connect(server.url()).await;
    let often = Duration::from_millis(100);
    let mut instance = Instance::every(often, 1, &connection);
    let shipped = |redis: &Redis, failures: u64| {
        let stats = redis.stats();
        ready(stats.failures >= failures && stats.unshipped == 0)
    };
    instance.serve(10).await;
    until("it ships", || shipped(&instance.redis, 0)).await;
    server.kill();
    instance.serve(10).await;
    until("it fails", || ready(instance.redis.stats().failures > 0)).await;
    server.restart();
    until("it ships again", || shipped(&instance.redis, 1)).await;
    assert!(instance.redis.stats().lag < Duration::from_secs(20));
}

#[tokio::test]
async fn the_last_handle_ships_what_is_left() {
    let server = Server::start();
    let connection = connect(server.url()).await;
    let mut instance = Instance::new(1, &connection);
    instance.serve(30).await;
    let clone = instance.redis.clone();
    let (registry, reader) = (instance.registry.clone(), instance.redis.reader().clone());
    drop(instance);
    let calls = connection.stats().calls;
    reader.read(Duration::from_secs(1)).await.unwrap();
    let reading = connection.stats().calls - calls;
    assert!(reading <= 3, "there is still a handle");
    drop(clone);
    until("it is shipped", || async {
        let fleet = reader.read(FIVE_MINUTES).await.unwrap();
        sums::of([&fleet.snapshot]) == sums::of([&registry.snapshot()])
    })
    .await;
    let tasks = tokio::runtime::Handle::current().metrics();
    drop((reader, connection));
    until("its tasks end", || ready(tasks.num_alive_tasks() == 0)).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_without_redis_says_that_something_is_left() {
    let nobody = format!("redis://127.0.0.1:{}/", free_port());
    let connection = builder(nobody).lazy().unwrap();
    let mut instance = Instance::new(1, &connection);
    instance.serve(10).await;
    instance.redis.shutdown().await.unwrap_err();
    let stats = instance.redis.stats();
    assert_eq!((stats.flushes, stats.unshipped), (0, 10));
    assert!(stats.failures > 10, "{stats:?}");
    assert!(stats.lag >= Duration::from_secs(5));
}
