//! Limits, records, counts and deadlines share a server, and nothing else.

use std::{future::ready, time::Duration};

use sluicegate::{
    deadline,
    idempotency::{self, Store},
    limit::{self, FailClosed, Quota, TokenBucket},
    red,
    redis::{Connection, Lane, LaneStats, Server as Place},
};

use super::{builder, hasty, until};
use crate::{
    cluster::Cluster,
    idempotency::{name, request},
    proxy::Proxy,
    server::Server,
};

/// Everything that uses Redis, on one connection.
struct Service {
    connection: Connection,
    limiter: limit::Redis<TokenBucket, FailClosed>,
    store: idempotency::Redis,
    fleet: red::Redis,
    registry: deadline::Registry,
}

const LANES: [Lane; 4] = [Lane::Limits, Lane::Records, Lane::Counts, Lane::Deadlines];

impl Service {
    async fn start(place: impl Into<Place>) -> Self {
        let connection = builder(place);
        let connection = connection.connect().await.unwrap();
        let rule = TokenBucket::new(Quota::per_hour(1).burst(1_000_000));
        let limiter = limit::Redis::new("api", rule, &connection, FailClosed);
        let fleet = red::Redis::builder("orders", &red::Registry::new(), &connection);
        Self {
            limiter,
            store: idempotency::Redis::new("orders", &connection),
            fleet: fleet.every(Duration::from_secs(3_600)).build(),
            registry: deadline::Registry::redis("orders", &connection),
            connection,
        }
    }

    /// Makes one call on this lane; returns whether it got a reply.
    async fn ask(&self, lane: Lane) -> bool {
        match lane {
            Lane::Limits => self.limiter.check("ann", 1).await.is_ok(),
            Lane::Records => self.store.claim(name("k"), request()).await.is_ok(),
            Lane::Counts => self.fleet.flush().await.is_ok(),
            Lane::Deadlines => self
                .registry
                .register(Duration::from_secs(60))
                .await
                .is_ok(),
            _ => unreachable!("no other is asked"),
        }
    }

    fn stats(&self, lane: Lane) -> LaneStats {
        let lanes = self.connection.lanes();
        let found = lanes.into_iter().find(|stats| stats.lane == lane);
        found.expect("it was used")
    }
}

/// Uses the lanes in this order, so that their connections have the same order.
#[tokio::test]
async fn a_lane_without_replies_delays_no_other() {
    for (nth, stalled) in LANES.into_iter().enumerate() {
        let server = Server::start();
        let proxy = Proxy::to(server.port());
        let service = Service::start(proxy.url()).await;
        assert_eq!(service.connection.lanes(), []);
        for lane in LANES {
            assert!(service.ask(lane).await, "{lane}");
        }
        // The store also asks once for the eviction policy.
        until("all lanes are idle", || {
            ready(service.connection.stats().calls >= 5)
        })
        .await;
        assert!(service.store.eviction_policy().await.is_ok());
        assert_eq!(service.connection.stats().connects, 4);

        proxy.stall(&[nth]);
        let waiting = service.ask(stalled);
        let others = async {
            for lane in LANES.into_iter().filter(|lane| *lane != stalled) {
                for _ in 0..20 {
                    assert!(service.ask(lane).await, "{lane} behind {stalled}");
                }
                assert_eq!(service.stats(lane).stats.failures, 0);
            }
            proxy.stall(&[]);
        };
        let (answered, ()) = futures_util::join!(waiting, others);
        assert!(answered, "{stalled}");
    }
}

#[tokio::test]
async fn an_open_breaker_stops_no_other_lane() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let connection = hasty(proxy.url()).connect().await.unwrap();
    let rule = TokenBucket::new(Quota::per_hour(1).burst(1_000_000));
    let limiter = limit::Redis::new("api", rule, &connection, FailClosed);
    let store = idempotency::Redis::new("orders", &connection);
    until("limits are decided", async || {
        limiter.check("ann", 1).await.is_ok()
    })
    .await;
    until("records are", async || {
        store.claim(name("k"), request()).await.is_ok()
    })
    .await;
    let is_open = |lane| {
        let lanes = connection.lanes();
        let stats = lanes.iter().find(|stats| stats.lane == lane);
        stats.is_some_and(|stats| stats.is_open)
    };
    // Connections that are made again count, too.
    let records: Vec<_> = (1..10_000).collect();
    proxy.stall(&records);
    until("the breaker opens", async || {
        let _ = store.claim(name("k"), request()).await;
        is_open(Lane::Records)
    })
    .await;
    until("limits go on", async || {
        limiter.check("ann", 1).await.is_ok()
    })
    .await;
    assert!(is_open(Lane::Records) && !is_open(Lane::Limits));
    proxy.stall(&[]);
    until("it closes", async || {
        store.claim(name("k"), request()).await.is_ok()
    })
    .await;
    assert!(!is_open(Lane::Records));
}

#[tokio::test]
async fn an_unused_lane_makes_no_connection() {
    let server = Server::start();
    let connection = builder(server.url()).connect().await.unwrap();
    assert_eq!(
        (connection.stats().connects, connection.lanes().len()),
        (1, 0)
    );
    // The first lane takes the connection with which the server was checked.
    let store = idempotency::Redis::new("orders", &connection);
    store.claim(name("k"), request()).await.unwrap();
    assert!(store.eviction_policy().await.is_ok());
    assert_eq!(
        (connection.stats().connects, connection.lanes().len()),
        (1, 1)
    );
}

#[tokio::test]
async fn each_lane_has_its_own_connections_in_a_cluster() {
    let cluster = Cluster::start();
    let service = Service::start(Place::cluster(cluster.urls())).await;
    for lane in LANES {
        assert!(service.ask(lane).await, "{lane}");
    }
    for lane in LANES {
        assert!(service.stats(lane).stats.connects >= 1, "{lane}");
    }
}
