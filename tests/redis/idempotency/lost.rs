//! Lost replies: the call is repeated, and takes effect once.

use std::future::ready;

use sluicegate::{
    idempotency::{Claim, ClaimRequest, LeaseStatus, Redis, Store, StoreError},
    redis::Connection,
};

use super::{MINUTE, name, request, store};
use crate::{
    connection::{builder, hasty, until},
    proxy::Proxy,
    server::Server,
};

/// A store whose connection loses replies, and the store of another process.
struct Torn {
    proxy: Proxy,
    store: Redis,
    connection: Connection,
    other: Redis,
    _server: Server,
}

impl Torn {
    async fn start() -> Self {
        let server = Server::start();
        let proxy = Proxy::to(server.port());
        let connection = builder(proxy.url()).connect().await.unwrap();
        let store = Redis::new("orders", &connection);
        let (other, _) = super::store(server.url()).await;
        // From now on the server knows the script, and the policy is known.
        assert!(store.claim(name("first"), request()).await.is_ok());
        until("all is asked", || ready(connection.stats().calls == 2)).await;
        assert!(store.eviction_policy().await.is_ok());
        Self {
            proxy,
            store,
            connection,
            other,
            _server: server,
        }
    }

    /// Returns how many replies were lost so far.
    fn is_lost(&self, answers: u64) {
        assert_eq!(self.proxy.losing(), 0);
        assert_eq!(self.store.counts().repeated, answers);
        assert_eq!(self.connection.stats().connects, 1 + answers);
    }
}

#[tokio::test]
async fn a_repeated_call_takes_effect_once() {
    let torn = Torn::start().await;
    let (store, name) = (&torn.store, name("k"));
    let request = request();
    torn.proxy.lose(1);
    assert_eq!(
        store.claim(name, request).await,
        Ok(Claim::Run { attempt: 1 })
    );
    torn.is_lost(1);
    let duplicate = torn.other.claim(name, super::request()).await;
    assert!(matches!(duplicate, Ok(Claim::Running { .. })));

    torn.proxy.lose(1);
    assert_eq!(
        store.renew(name, request.token, 2 * MINUTE).await,
        Ok(LeaseStatus::Held)
    );
    torn.is_lost(2);

    torn.proxy.lose(1);
    let kept = store
        .complete(name, request.token, "done".into(), MINUTE)
        .await;
    assert_eq!(kept, Ok(LeaseStatus::Held));
    torn.is_lost(3);
    let duplicate = torn.other.claim(name, super::request()).await;
    assert_eq!(duplicate, Ok(Claim::Replay("done".into())));
}

/// It is unknown whether the lease was released the first time, or had been lost
/// before; it is not held in either case.
#[tokio::test]
async fn a_repeated_release_reports_a_lost_lease() {
    let torn = Torn::start().await;
    let (name, request) = (name("k"), request());
    assert!(torn.store.claim(name, request).await.is_ok());
    torn.proxy.lose(1);
    assert_eq!(
        torn.store.release(name, request.token).await,
        Ok(LeaseStatus::Lost)
    );
    torn.is_lost(1);
    let next = torn.other.claim(name, super::request()).await;
    assert_eq!(next, Ok(Claim::Run { attempt: 1 }));
}

#[tokio::test]
async fn a_repeated_claim_of_recovered_work_stays_recovered() {
    let torn = Torn::start().await;
    let lapsed = ClaimRequest {
        lease: std::time::Duration::ZERO,
        ..request()
    };
    assert!(torn.other.claim(name("k"), lapsed).await.is_ok());
    torn.proxy.lose(1);
    let recovered = torn.store.claim(name("k"), request()).await;
    assert_eq!(recovered, Ok(Claim::Run { attempt: 2 }));
    torn.is_lost(1);
}

#[tokio::test]
async fn a_call_is_repeated_once_at_most() {
    let torn = Torn::start().await;
    let calls = torn.connection.stats().calls;
    torn.proxy.lose(5);
    let request = request();
    let away = torn.store.claim(name("k"), request).await;
    assert!(matches!(away, Err(StoreError::Unavailable(_))), "{away:?}");
    assert_eq!(torn.connection.stats().calls - calls, 2);
    assert_eq!(torn.proxy.losing(), 3);
    torn.proxy.lose(0);
    // The lease was taken all the same, and this claimant still has it.
    let duplicate = torn.other.claim(name("k"), super::request()).await;
    assert!(matches!(duplicate, Ok(Claim::Running { .. })));
    let again = torn.store.claim(name("k"), request).await;
    assert_eq!(again, Ok(Claim::Run { attempt: 1 }));
}

#[tokio::test]
async fn a_call_that_timed_out_is_repeated() {
    let server = Server::start();
    let connection = hasty(server.url()).connect().await.unwrap();
    let redis = Redis::new("orders", &connection);
    let (other, _other) = store(server.url()).await;
    assert!(other.claim(name("first"), request()).await.is_ok());
    server.stop();
    let request = request();
    let claim = redis.claim(name("k"), request);
    let going_on = async {
        until("it is late", || ready(connection.stats().timeouts > 0)).await;
        server.go_on();
    };
    let (claimed, ()) = futures_util::join!(claim, going_on);
    assert_eq!(claimed, Ok(Claim::Run { attempt: 1 }));
    assert_eq!(redis.counts().repeated, 1);
    let duplicate = other.claim(name("k"), super::request()).await;
    assert!(matches!(duplicate, Ok(Claim::Running { .. })));
}
