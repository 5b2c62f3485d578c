//! After an additional or a missing reply, no caller gets the reply of another.

use std::{future::ready, time::Duration};

use futures_util::future::join_all;
use sluicegate::{
    idempotency::{self, Claim, Fingerprint, Store},
    limit::{FailClosed, Quota, Redis, TokenBucket},
    redis::{Connection, ErrorKind, Script},
};
use tokio::task::yield_now;

use super::{COUNT, Tally, builder, count, count_by, hasty, until};
use crate::{
    idempotency::{MINUTE, name, request},
    proxy::Proxy,
    server::Server,
};

/// The number of concurrent callers.
const CALLERS: u64 = 40;

/// A server, and a connection to it through a proxy.
struct Bent {
    server: Server,
    proxy: Proxy,
    redis: Connection,
}

impl Bent {
    async fn start() -> Self {
        let server = Server::start();
        let proxy = Proxy::to(server.port());
        let redis = builder(proxy.url());
        let redis = redis.connect().await.unwrap();
        Self {
            server,
            proxy,
            redis,
        }
    }

    /// Makes all calls before the first reply comes.
    async fn at_once<T>(&self, calls: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
        self.server.stop();
        let going_on = async {
            for _ in 0..100 {
                yield_now().await;
            }
            self.server.go_on();
        };
        futures_util::join!(join_all(calls), going_on).0
    }

    fn is_closed_once(&self) {
        assert!(self.proxy.is_done(), "nothing happened");
        let stats = self.redis.stats();
        assert_eq!((stats.mixed_up, stats.opened), (1, 0), "{stats:?}");
        assert_eq!(stats.connects, 2, "{stats:?}");
    }
}

type Fault = fn(&Proxy);

/// One reply comes twice, or is left out.
const FAULTS: [Fault; 2] = [|proxy| proxy.repeat(1), |proxy| proxy.swallow(1)];

#[tokio::test]
async fn no_check_gets_the_reply_of_another() {
    for fault in FAULTS {
        let bent = Bent::start().await;
        let rule = TokenBucket::new(Quota::per_hour(1).burst(1_000));
        let limiter = Redis::builder("api", rule, &bent.redis).coalesce(false);
        let limiter = limiter.build(FailClosed);
        // Gives each key its own number.
        for key in 0..CALLERS {
            limiter.debit(&key, 10 * key).await.unwrap();
        }
        fault(&bent.proxy);
        let asked = (0..CALLERS).map(|key| {
            let limiter = limiter.clone();
            async move { (key, limiter.peek(&key).await) }
        });
        let mut lost = 0;
        for (key, told) in bent.at_once(asked).await {
            match told {
                Ok(decision) => assert_eq!(decision.remaining(), 1_000 - 10 * key),
                Err(_) => lost += 1,
            }
        }
        assert!(lost > 0, "all came right");
        for key in 0..CALLERS {
            let told = limiter.peek(&key).await.unwrap();
            assert_eq!(told.remaining(), 1_000 - 10 * key);
        }
        bent.is_closed_once();
    }
}

#[tokio::test]
async fn no_retry_gets_the_record_of_another_key() {
    for fault in FAULTS {
        let bent = Bent::start().await;
        let store = idempotency::Redis::new("orders", &bent.redis);
        for key in 0..CALLERS {
            let (name, request) = (name(&key.to_string()), request());
            store.claim(name, request).await.unwrap();
            let record = key.to_string().into();
            let kept = store.complete(name, request.token, record, MINUTE).await;
            kept.map(drop).unwrap();
        }
        assert!(store.eviction_policy().await.is_ok());
        fault(&bent.proxy);
        let asked = (0..CALLERS).map(|key| {
            let store = store.clone();
            async move { (key, store.claim(name(&key.to_string()), request()).await) }
        });
        for (key, told) in bent.at_once(asked).await {
            // The call with the lost reply was repeated.
            assert_eq!(told.unwrap(), Claim::Replay(key.to_string().into()));
        }
        bent.is_closed_once();
        let other = idempotency::ClaimRequest {
            fingerprint: Fingerprint::of("other work"),
            ..request()
        };
        assert_eq!(store.claim(name("1"), other).await, Ok(Claim::Mismatch));
    }
}

/// `NOSCRIPT` proves only to its own caller that nothing ran.
#[tokio::test]
async fn a_refusal_of_another_call_makes_nothing_run_twice() {
    for (unknown, fault) in [(0, FAULTS[0]), (1, FAULTS[1])] {
        let bent = Bent::start().await;
        let script = Script::new("return { redis.call('INCR', KEYS[1]) } -- unknown");
        let mut tally = Tally::default();
        tally.add(&count(&bent.redis, "n").await);
        fault(&bent.proxy);
        let asked = (0..CALLERS).map(|nth| {
            let script = if nth == unknown { &script } else { &COUNT };
            count_by(script, &bent.redis, "n")
        });
        for told in bent.at_once(asked).await {
            tally.add(&told);
        }
        tally.add(&count(&bent.redis, "n").await);
        let counted = redis::cmd("GET").arg("n").query(&mut bent.server.client());
        tally.explains(counted.unwrap());
        bent.is_closed_once();
    }
}

/// The caller whose reply was lost gives up, and no other caller waits with it.
#[tokio::test]
async fn a_lost_reply_is_noticed_by_a_single_caller() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let redis = hasty(proxy.url()).breaker(u32::MAX, Duration::from_secs(3_600));
    let redis = redis.connect().await.unwrap();
    assert_eq!(count(&redis, "n").await.unwrap(), 1);
    proxy.swallow(1);
    let lost = count(&redis, "n").await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::TimedOut, "{lost}");
    until("it is noticed", || ready(redis.stats().mixed_up == 1)).await;
    until("it answers again", async || {
        count(&redis, "n").await.is_ok()
    })
    .await;
    assert_eq!(redis.stats().connects, 2);
}
