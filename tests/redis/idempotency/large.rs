//! Records that are too large for the reply to a claim.

use std::{future::ready, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, future::join_all};
use sluicegate::{
    idempotency::{Claim, ClaimRequest, Fingerprint, Redis, Store},
    limit::{self, FailClosed, Quota, TokenBucket},
    redis::{Connection, Lane, LaneStats},
};
use tokio::task::yield_now;

use super::{MINUTE, name, request};
use crate::{
    connection::{builder, hasty, until},
    proxy::Proxy,
    runtimes::{First, Time},
    server::Server,
};

const MEGABYTE: usize = 1 << 20;

/// The number of concurrent retries.
const RETRIES: u64 = 20;

/// A store behind a proxy, which has a record of a megabyte under the name `large`.
struct Stocked {
    proxy: Proxy,
    connection: Connection,
    store: Redis,
    record: Bytes,
    server: Server,
}

impl Stocked {
    async fn start() -> Self {
        let server = Server::start();
        let proxy = Proxy::to(server.port());
        let connection = builder(proxy.url()).connect().await.unwrap();
        let stocked = Self {
            store: Redis::new("orders", &connection),
            record: Bytes::from(vec![b'x'; MEGABYTE]),
            proxy,
            connection,
            server,
        };
        stocked.keep("large", stocked.record.clone()).await;
        assert!(stocked.store.eviction_policy().await.is_ok());
        stocked
    }

    async fn keep(&self, key: &str, record: Bytes) {
        let (name, request) = (name(key), request());
        self.store.claim(name, request).await.unwrap();
        let kept = self
            .store
            .complete(name, request.token, record, MINUTE)
            .await;
        kept.map(drop).unwrap();
    }

    /// All retries know that the record is large; it does not come until `meanwhile`
    /// has ended.
    async fn retry(&self, meanwhile: impl Future<Output = ()>) -> Vec<Claim> {
        // Records had the first connection, and large ones the second.
        self.proxy.stall(&[1]);
        let answered = || self.lane(Lane::Records).latency.count();
        let all = answered() + RETRIES;
        let claims = (0..RETRIES).map(|_| self.store.claim(name("large"), request()));
        let going_on = async {
            until("all have asked", || ready(answered() >= all)).await;
            meanwhile.await;
            self.proxy.stall(&[]);
        };
        let (claims, ()) = futures_util::join!(join_all(claims), going_on);
        claims.into_iter().map(Result::unwrap).collect()
    }

    fn lane(&self, lane: Lane) -> LaneStats {
        let lanes = self.connection.lanes();
        let found = lanes.into_iter().find(|stats| stats.lane == lane);
        found.expect("it was used")
    }
}

#[tokio::test]
async fn retries_at_the_same_time_fetch_a_record_once() {
    let stocked = Stocked::start().await;
    let before = stocked.lane(Lane::LargeRecords).stats.calls;
    let claims = stocked.retry(ready(())).await;
    for claim in claims {
        assert_eq!(claim, Claim::Replay(stocked.record.clone()));
    }
    let counts = stocked.store.counts();
    assert_eq!((counts.fetched, counts.shared), (1, RETRIES - 1));
    assert_eq!(stocked.lane(Lane::LargeRecords).stats.calls - before, 1);
    // The record is not kept: the next retry fetches it again.
    stocked.store.claim(name("large"), request()).await.unwrap();
    assert_eq!(stocked.store.counts().fetched, 2);
}

#[tokio::test]
async fn retries_learn_together_that_the_record_is_gone() {
    let stocked = Stocked::start().await;
    let server = &stocked.server;
    let claims = stocked
        .retry(async {
            let flushed: String = redis::cmd("FLUSHALL").query(&mut server.client()).unwrap();
            assert_eq!(flushed, "OK");
        })
        .await;
    // One of them runs the work again.
    let runs = |claim: &&Claim| matches!(claim, Claim::Run { attempt: 1 });
    let waits = |claim: &&Claim| matches!(claim, Claim::Running { .. });
    assert_eq!(claims.iter().filter(runs).count(), 1, "{claims:?}");
    assert_eq!(claims.iter().filter(waits).count() as u64, RETRIES - 1);
    let counts = stocked.store.counts();
    assert_eq!((counts.fetched, counts.shared), (1, RETRIES - 1));
}

/// The effect of twenty retries of a megabyte on the limits.
#[tokio::test]
async fn limits_work_beside_a_large_record_that_stalls() {
    let stocked = Stocked::start().await;
    let rule = TokenBucket::new(Quota::per_hour(1).burst(250));
    let limiter = limit::Redis::builder("api", rule, &stocked.connection);
    let limiter = limiter.remember_denials(0).build(FailClosed);
    let checks = async {
        let mut passed = 0;
        for _ in 0..400 {
            // With FailClosed, an error would show that the policy decided.
            let decision = limiter.check("ann", 1).await.unwrap();
            passed += u32::from(decision.is_admitted());
            // Work that is done for the first time does not wait, either.
            if passed.is_multiple_of(100) {
                let claim = stocked
                    .store
                    .claim(name(&passed.to_string()), request())
                    .await;
                assert!(claim.is_ok(), "{claim:?}");
            }
        }
        assert_eq!(passed, 250);
    };
    let claims = stocked.retry(checks).await;
    assert_eq!(claims.len(), 20);
    for lane in stocked.connection.lanes() {
        let stats = lane.stats;
        assert_eq!(
            (stats.failures, stats.opened, stats.circuit_open),
            (0, 0, 0),
            "{lane:?}"
        );
    }
}

#[tokio::test]
async fn another_fingerprint_does_not_get_the_record() {
    let stocked = Stocked::start().await;
    let other = ClaimRequest {
        fingerprint: Fingerprint::of("other work"),
        ..request()
    };
    let claims = stocked
        .retry(async {
            let told = stocked.store.claim(name("large"), other).await;
            assert_eq!(told, Ok(Claim::Mismatch));
        })
        .await;
    assert_eq!(claims.len() as u64, RETRIES);
}

#[tokio::test]
async fn a_waiter_fetches_itself_when_the_fetching_call_is_dropped() {
    let stocked = Stocked::start().await;
    stocked.proxy.stall(&[1]);
    let store = stocked.store.clone();
    let leader = tokio::spawn(async move { store.claim(name("large"), request()).await });
    until("it is fetched", || {
        ready(stocked.store.counts().fetched == 1)
    })
    .await;
    let follower = stocked.store.claim(name("large"), request());
    let dropping = async {
        let calls = stocked.lane(Lane::Records).latency.count();
        until("the other has asked", || {
            ready(stocked.lane(Lane::Records).latency.count() > calls)
        })
        .await;
        yield_now().await;
        leader.abort();
        assert!(leader.await.is_err());
        until("it is fetched again", || {
            ready(stocked.store.counts().fetched == 2)
        })
        .await;
        stocked.proxy.stall(&[]);
    };
    let (told, ()) = futures_util::join!(follower, dropping);
    assert_eq!(told, Ok(Claim::Replay(stocked.record.clone())));
    assert_eq!(stocked.store.counts().shared, 0);
}

/// A follower has its own time limit, which a late leader does not use up.
#[tokio::test]
async fn a_waiter_fetches_itself_when_the_fetching_call_is_late() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let connection = hasty(proxy.url())
        .breaker(u32::MAX, Duration::from_secs(3_600))
        .connect()
        .await
        .unwrap();
    let store = Redis::new("orders", &connection);
    let (name, work) = (name("large"), request());
    until("it is claimed", async || {
        store.claim(name, work).await.is_ok()
    })
    .await;
    let record = Bytes::from(vec![b'x'; 20_000]);
    until("it is kept", async || {
        let kept = store
            .complete(name, work.token, record.clone(), MINUTE)
            .await;
        kept.is_ok()
    })
    .await;
    // No reply comes on either connection.
    let large = connection.stats().connects as usize - 1;
    proxy.stall(&[large]);
    let waiting = join_all((0..3).map(|_| store.claim(name, request())));
    let going_on = async {
        until("all ask by themselves", || {
            ready(store.counts().fetched >= 3)
        })
        .await;
        proxy.stall(&[]);
    };
    let (claims, ()) = futures_util::join!(waiting, going_on);
    // All calls end, and no caller gets another value.
    for claim in claims.into_iter().flatten() {
        assert_eq!(claim, Claim::Replay(record.clone()));
    }
}

#[tokio::test]
async fn a_record_that_expires_before_it_is_fetched_is_claimed_anew() {
    let stocked = Stocked::start().await;
    let mut client = stocked.server.client();
    let claims = stocked
        .retry(async {
            let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut client).unwrap();
            redis::cmd("DEL").arg(keys).exec(&mut client).unwrap();
        })
        .await;
    // The fetch was under way before, and may have found it.
    for claim in claims {
        let is_sound = match claim {
            Claim::Replay(record) => record == stocked.record,
            claim => matches!(claim, Claim::Run { .. } | Claim::Running { .. }),
        };
        assert!(is_sound);
    }
}

#[tokio::test]
async fn only_large_records_use_the_large_lane() {
    let stocked = Stocked::start().await;
    stocked.keep("small", Bytes::from(vec![b'y'; 10_000])).await;
    let before = stocked.lane(Lane::LargeRecords).stats.calls;
    for (key, calls) in [("small", 0), ("large", 1)] {
        stocked.store.claim(name(key), request()).await.unwrap();
        let calls_now = stocked.lane(Lane::LargeRecords).stats.calls;
        assert_eq!(calls_now - before, calls, "{key}");
    }
}

#[test]
fn no_call_waits_for_a_fetch_on_a_blocked_runtime() {
    for first in First::ALL {
        let begin = async || {
            let stocked = Stocked::start().await;
            stocked.proxy.stall(&[1]);
            let store = stocked.store.clone();
            let mut claim = async move { store.claim(name("large"), request()).await }.boxed();
            while stocked.store.counts().fetched == 0 {
                assert!((&mut claim).now_or_never().is_none());
                yield_now().await;
            }
            (stocked, claim)
        };
        first.then(Time::Real, begin, async |(stocked, _claim)| {
            let claimed = stocked.store.claim(name("large"), request()).await;
            assert_eq!(claimed, Ok(Claim::Replay(stocked.record.clone())));
            assert_eq!(stocked.store.counts().shared, 0, "{first:?}");
        });
    }
}
