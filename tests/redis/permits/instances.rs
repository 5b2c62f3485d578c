//! Instances that share a limit, in one process.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use redis::Commands;
use sluicegate::{
    concurrency::{Ask, ConcurrencyLayer, Event, Observe, OnOutage, Permit, Queue, Redis, Shed},
    deadline::Deadline,
    redis::Connection,
};
use tower::{Layer, ServiceExt, service_fn};

use super::ledger::{ledger, most_beyond, most_out};
use crate::{
    connection::{builder, until},
    server::Server,
};

const KEY: &str = "sluicegate:{db}:permits";

/// So long that none ends while the machine is busy.
const LEASE: Duration = Duration::from_secs(4);

async fn connect(server: &Server) -> Connection {
    // No call is late, however busy the machine is.
    let patient = Connection::builder(server.url().as_str()).timeout(Duration::from_secs(15));
    patient.connect().await.unwrap()
}

/// An instance of a limit of so many.
async fn instance(server: &Server, limit: u32) -> Redis {
    let builder = Redis::builder("db", limit, &connect(server).await);
    builder.lease(LEASE).build()
}

async fn admitted(permits: &Redis, requests: usize) -> Vec<Permit> {
    let entries = (0..requests).map(|_| permits.acquire(Ask::new()));
    let admitted = join_all(entries).await;
    admitted.into_iter().flatten().collect()
}

#[tokio::test]
async fn instances_together_have_one_limit() {
    let server = Server::start();
    let (one, other) = (instance(&server, 5).await, instance(&server, 5).await);
    let mut held = admitted(&one, 3).await;
    // The first may have one more than it uses, which it gives back.
    while held.len() < 5 {
        held.extend(admitted(&other, 1).await);
        tokio::task::yield_now().await;
    }
    assert_eq!(admitted(&one, 1).await.len(), 0);
    drop(held);
    until("idle permits come back", async || {
        admitted(&other, 5).await.len() == 5
    })
    .await;
    assert_eq!(most_beyond(&ledger(&server, KEY)), 0);
}

#[tokio::test]
async fn a_cold_key_takes_one_permit_and_gives_it_back() {
    let server = Server::start();
    let permits = instance(&server, 5).await;
    let permit = permits.acquire(Ask::new()).await.unwrap();
    assert_eq!(permits.load().limit, 1);
    drop(permit);
    until("it is given back", async || permits.load().limit == 0).await;
    let lines = ledger(&server, KEY);
    assert_eq!(lines.last().unwrap().count, 0);
    assert_eq!(most_beyond(&lines), 0);
}

#[tokio::test]
async fn a_batch_grows_with_the_demand() {
    let server = Server::start();
    let permits = instance(&server, 10_000).await;
    let mut held = Vec::new();
    for _ in 0..1_000 {
        held.push(permits.acquire(Ask::new()).await.unwrap());
    }
    // It doubles with each call.
    assert!(permits.counts().calls < 30, "{:?}", permits.counts());
    assert!(permits.load().limit >= 1_000);
}

#[tokio::test]
async fn a_permit_outlives_its_limiter_and_stays_leased() {
    let server = Server::start();
    let (permits, other) = (instance(&server, 1).await, instance(&server, 1).await);
    let permit = permits.acquire(Ask::new()).await.unwrap();
    drop(permits);
    assert!(other.acquire(Ask::new()).await.is_err());
    drop(permit);
    until("it is given back", async || {
        other.acquire(Ask::new()).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn keys_have_a_limit_each_and_share_calls() {
    let server = Server::start();
    let connection = connect(&server).await;
    let fleet = [(); 2].map(|()| {
        let builder = Redis::builder("tenant", 3, &connection);
        builder.lease(LEASE).build_keyed()
    });
    let [one, other] = &fleet;
    let entries = (0..200_u32).map(|key| one.acquire(&key, Ask::new()));
    let held: Vec<_> = join_all(entries).await.into_iter().flatten().collect();
    assert_eq!(held.len(), 200);
    let counts = one.counts();
    assert!(counts.calls < counts.limits, "{counts:?}");
    let entries = (0..4).map(|_| other.acquire(&7_u32, Ask::new()));
    let others: Vec<_> = join_all(entries).await.into_iter().flatten().collect();
    assert_eq!(others.len(), 2, "one is out already");
    let key = "sluicegate:{tenant:7}:permits";
    assert_eq!(most_beyond(&ledger(&server, key)), 0);
    assert_eq!(most_out(&ledger(&server, key)), 3);
}

#[tokio::test]
async fn a_queue_serves_when_another_instance_gives_back() {
    let server = Server::start();
    let one = instance(&server, 2).await;
    let queue = Queue::new(10).max_wait(Duration::from_secs(60));
    let builder = Redis::builder("db", 2, &connect(&server).await);
    let other = builder.lease(LEASE).queue(queue).build();
    let held = admitted(&one, 2).await;
    let waiting = tokio::spawn({
        let other = other.clone();
        async move { other.acquire(Ask::new()).await }
    });
    until("it is queued", async || other.usage().queued() == 1).await;
    drop(held);
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_request_waits_for_its_lease_no_longer_than_its_deadline() {
    let server = Server::start();
    let permits = instance(&server, 2).await;
    until("it knows the fleet", async || permits.instances() == 1).await;
    server.stop();
    let deadline = Deadline::after(Duration::from_millis(50));
    let shed = permits.acquire(Ask::new().before(deadline)).await;
    assert_eq!(shed.unwrap_err(), Shed::Expired);
    server.go_on();
}

/// An instance that fails at once when Redis is down, and what it does then.
async fn fragile(server: &Server, limit: u32, on_outage: OnOutage) -> Redis {
    let connection = builder(server.url().as_str()).connect().await.unwrap();
    let permits = Redis::builder("db", limit, &connection).lease(Duration::from_millis(500));
    let permits = permits.on_outage(on_outage).build();
    until("it knows the fleet", async || permits.instances() > 0).await;
    permits
}

#[tokio::test]
async fn in_an_outage_each_instance_has_its_share() {
    let mut server = Server::start();
    let shared = fragile(&server, 7, OnOutage::LocalShare).await;
    let closed = fragile(&server, 7, OnOutage::Closed).await;
    let open = fragile(&server, 7, OnOutage::Open).await;
    // Each learns of the others by its next call; these come too soon for that.
    assert!((1..=3).contains(&open.instances()));
    server.kill();
    until("all of it is open", async || {
        admitted(&open, 8).await.len() == 7
    })
    .await;
    let share = 7 / shared.instances() as usize;
    until("the share begins", async || {
        admitted(&shared, 8).await.len() == share
    })
    .await;
    assert_eq!(admitted(&closed, 1).await.len(), 0);
    assert!(shared.counts().failed > 0);
}

#[tokio::test]
async fn an_instance_that_begins_in_an_outage_refuses_unless_it_was_told_how_many_there_are() {
    let mut server = Server::start();
    let connection = builder(server.url().as_str()).connect().await.unwrap();
    server.kill();
    let lease = Duration::from_millis(100);
    let unknown = Redis::builder("db", 7, &connection).lease(lease).build();
    let told = Redis::builder("db", 7, &connection);
    let told = told.lease(lease).instances(2).build();
    until("its share", async || admitted(&told, 7).await.len() == 3).await;
    assert_eq!(unknown.instances(), 0);
    assert_eq!(admitted(&unknown, 1).await.len(), 0);
}

#[tokio::test]
async fn requests_that_outlive_their_lease_are_counted_and_lease_again_if_there_is_room() {
    let mut server = Server::start();
    let permits = fragile(&server, 3, OnOutage::Closed).await;
    let held = admitted(&permits, 2).await;
    assert_eq!(held.len(), 2);
    server.kill();
    until("they outlive it", async || permits.counts().outlived == 2).await;
    assert_eq!(permits.counts().lapsed, 1);
    assert_eq!(admitted(&permits, 1).await.len(), 0);
    server.restart();
    until("they are leased again", async || permits.load().limit >= 2).await;
    assert_eq!(most_beyond(&ledger(&server, KEY)), 0);
    assert_eq!(permits.counts().outlived, 2);
}

#[tokio::test]
async fn after_a_restart_without_data_only_holders_lease_until_all_old_leases_have_ended() {
    let mut server = Server::start();
    let (one, other) = (instance(&server, 5).await, instance(&server, 5).await);
    until("both know the server", async || {
        one.instances() > 0 && other.instances() > 0
    })
    .await;
    let held = admitted(&one, 4).await;
    assert_eq!(held.len(), 4);
    server.restart();
    // It has never had more than one permit, and the server does not know of the
    // four.
    assert_eq!(admitted(&other, 5).await.len(), 0);
    until("the holder has them again", async || {
        most_out(&ledger(&server, KEY)) >= 4
    })
    .await;
    drop(held);
    until("all is as before", async || {
        admitted(&other, 5).await.len() == 5
    })
    .await;
    assert_eq!(most_beyond(&ledger(&server, KEY)), 0);
}

#[tokio::test]
async fn a_state_that_cannot_be_read_is_left_alone_and_the_fallback_decides() {
    let server = Server::start();
    let _: () = server.client().set(KEY, "what else?").unwrap();
    let permits = fragile(&server, 6, OnOutage::LocalShare).await;
    until("the share", async || admitted(&permits, 6).await.len() == 6).await;
    assert!(permits.counts().unreadable > 0);
    let value: String = server.client().get(KEY).unwrap();
    assert_eq!(value, "what else?");
}

#[tokio::test]
async fn a_layer_holds_a_permit_of_the_fleet_until_the_end_of_the_body() {
    let server = Server::start();
    let (permits, other) = (instance(&server, 1).await, instance(&server, 1).await);
    let answer = service_fn(async |_: Request<String>| {
        Ok::<_, Infallible>(Response::new(String::from("hello")))
    });
    let layer = ConcurrencyLayer::new(permits);
    let response = layer.layer(answer).oneshot(Request::default()).await;
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let layer = ConcurrencyLayer::new(other);
    let refused = layer.layer(answer).oneshot(Request::default()).await;
    assert_eq!(refused.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    response.into_body().collect().await.unwrap();
    until("the permit comes back", async || {
        let response = layer.layer(answer).oneshot(Request::default()).await;
        response.unwrap().status() == StatusCode::OK
    })
    .await;
}

/// Remembers what it is told.
#[derive(Debug, Default)]
struct Outlived(Mutex<Vec<(String, u32)>>);

impl Observe for Outlived {
    fn decided(&self, _event: &Event<'_>) {}

    fn outlived(&self, limiter: &str, requests: u32) {
        self.0.lock().unwrap().push((limiter.into(), requests));
    }
}

#[tokio::test]
async fn an_observer_is_told_of_requests_that_outlive_their_lease() {
    let mut server = Server::start();
    let connection = builder(server.url().as_str()).connect().await.unwrap();
    let (told, lease) = (Arc::new(Outlived::default()), Duration::from_millis(500));
    let permits = Redis::builder("db", 5, &connection).lease(lease);
    let permits = permits
        .on_outage(OnOutage::Closed)
        .observe(told.clone())
        .build();
    let held = admitted(&permits, 3).await;
    server.kill();
    until("it is told", async || !told.0.lock().unwrap().is_empty()).await;
    assert_eq!(*told.0.lock().unwrap(), [("db".to_owned(), 3)]);
    drop(held);
}

#[tokio::test]
async fn a_hot_key_costs_few_calls_and_few_commands() {
    let server = Server::start();
    let permits = instance(&server, 64).await;
    const REQUESTS: u64 = 20_000;
    let tasks = (0..64).map(|_| {
        let permits = permits.clone();
        tokio::spawn(async move {
            for _ in 0..REQUESTS / 64 {
                let permit = permits.acquire(Ask::new()).await;
                tokio::task::yield_now().await;
                drop(permit);
            }
        })
    });
    join_all(tasks.collect::<Vec<_>>()).await;
    let calls = permits.counts().calls;
    assert!(calls * 5 <= REQUESTS, "{calls} calls");
    // With those inside of the script, and all others.
    let info: String = redis::cmd("INFO")
        .arg("stats")
        .query(&mut server.client())
        .unwrap();
    let commands = info.split("total_commands_processed:").nth(1).unwrap();
    let commands: u64 = commands.lines().next().unwrap().parse().unwrap();
    println!("{calls} calls, {commands} commands for {REQUESTS} requests");
    assert!(commands * 5 <= REQUESTS, "{commands} commands");
}
