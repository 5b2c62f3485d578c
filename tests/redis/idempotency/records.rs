//! The stored keys, how long they live, and when the server may drop them.

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use redis::Commands;
use sluicegate::{
    clock::{Clock, Manual},
    idempotency::{
        Body, Claim, ClaimRequest, Claimant, Claimed, Fingerprint, IdempotencyLayer, LeaseStatus,
        Record, RecordError, Redis, Store, StoreError, Takeover, Token,
    },
};
use tower::{Layer, ServiceExt, service_fn};

use super::{MINUTE, name, request, store};
use crate::{
    connection::{builder, until},
    log::Log,
    server::Server,
};

fn key() -> String {
    format!("sluicegate:{{orders:{}}}:idempotency", name("k"))
}

#[tokio::test]
async fn a_record_is_any_bytes() {
    let server = Server::start();
    let (one, _one) = store(server.url()).await;
    let (other, _other) = store(server.url()).await;
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let records = [vec![], vec![0], all.clone(), all.repeat(4_096)];
    assert_eq!(records[3].len(), 1 << 20);
    for (nth, record) in records.into_iter().enumerate() {
        let (name, request) = (name(&nth.to_string()), request());
        assert_eq!(
            one.claim(name, request).await,
            Ok(Claim::Run { attempt: 1 })
        );
        let record = Bytes::from(record);
        let kept = one
            .complete(name, request.token, record.clone(), MINUTE)
            .await;
        assert_eq!(kept, Ok(LeaseStatus::Held));
        let duplicate = other.claim(name, super::request()).await;
        assert!(duplicate == Ok(Claim::Replay(record)), "{nth}");
    }
}

/// Also tokens and fingerprints that look like other fields, numbers or nothing.
#[tokio::test]
async fn tokens_are_any_bytes() {
    let server = Server::start();
    let (store, _connection) = store(server.url()).await;
    for token in [[0; 16], [b'\n'; 16], [b'9'; 16], [0xff; 16]] {
        let name = name(&format!("{token:?}"));
        let request = ClaimRequest {
            token: Token::from_bytes(token),
            ..request()
        };
        assert_eq!(
            store.claim(name, request).await,
            Ok(Claim::Run { attempt: 1 })
        );
        assert_eq!(
            store.renew(name, request.token, MINUTE).await,
            Ok(LeaseStatus::Held)
        );
        let lost = store.renew(name, super::request().token, MINUTE).await;
        assert_eq!(lost, Ok(LeaseStatus::Lost));
        assert_eq!(
            store.release(name, request.token).await,
            Ok(LeaseStatus::Held)
        );
    }
    assert_eq!(server.client().exists(key()), Ok(false));
}

#[tokio::test]
async fn a_record_expires_when_its_time_is_over() {
    let server = Server::start();
    let (store, _connection) = store(server.url()).await;
    let (short, name) = (Duration::from_millis(20), name("k"));
    let request = ClaimRequest {
        lease: short,
        keep: short,
        ..request()
    };
    let mut client = server.client();
    let mut gone = || ready(client.exists(key()) == Ok(false));
    assert_eq!(
        store.claim(name, request).await,
        Ok(Claim::Run { attempt: 1 })
    );
    until("a lease is forgotten", &mut gone).await;
    assert_eq!(
        store.renew(name, request.token, MINUTE).await,
        Ok(LeaseStatus::Lost)
    );

    assert!(store.claim(name, request).await.is_ok());
    assert_eq!(
        store.renew(name, request.token, MINUTE).await,
        Ok(LeaseStatus::Held)
    );
    let kept = store
        .complete(name, request.token, "done".into(), short)
        .await;
    assert_eq!(kept, Ok(LeaseStatus::Held));
    until("a record is forgotten", &mut gone).await;
}

/// After its lease a record lives for the set time, by the server and by the
/// script; a completed one lives from its completion on.
#[tokio::test]
async fn the_key_expires_with_its_state() {
    let server = Server::start();
    let (store, _connection) = store(server.url()).await;
    let (name, request) = (name("k"), request());
    let mut client = server.client();
    let mut left = || Duration::from_millis(client.pttl(key()).unwrap());
    // The test may be slow, but hardly by a minute.
    assert!(store.claim(name, request).await.is_ok());
    assert!((MINUTE..=2 * MINUTE).contains(&left()), "{:?}", left());
    assert_eq!(
        store.renew(name, request.token, 5 * MINUTE).await,
        Ok(LeaseStatus::Held)
    );
    assert!((5 * MINUTE..=6 * MINUTE).contains(&left()), "{:?}", left());
    let kept = store
        .complete(name, request.token, "done".into(), 9 * MINUTE)
        .await;
    assert_eq!(kept, Ok(LeaseStatus::Held));
    assert!((8 * MINUTE..=9 * MINUTE).contains(&left()), "{:?}", left());
}

#[tokio::test]
async fn the_longest_times_are_accepted() {
    let server = Server::start();
    let (store, _connection) = store(server.url()).await;
    let (name, token) = (name("k"), request().token);
    let request = ClaimRequest {
        token,
        lease: Duration::MAX,
        keep: Duration::MAX,
        ..request()
    };
    assert_eq!(
        store.claim(name, request).await,
        Ok(Claim::Run { attempt: 1 })
    );
    assert_eq!(
        store.renew(name, token, Duration::MAX).await,
        Ok(LeaseStatus::Held)
    );
    let running = store.claim(name, super::request()).await.unwrap();
    let years = |years: u64| Duration::from_secs(years * 365 * 86_400);
    assert!(matches!(running, Claim::Running { left } if left > years(29) && left <= years(30)));
    let kept = store
        .complete(name, token, "done".into(), Duration::MAX)
        .await;
    assert_eq!(kept, Ok(LeaseStatus::Held));
    let left: u64 = server.client().pttl(key()).unwrap();
    assert!(Duration::from_millis(left) > years(29));
}

/// Old and new instances run side by side: what one writes the other reads.
#[tokio::test]
async fn the_layout_is_what_it_was_in_version_1() {
    let server = Server::start();
    let connection = builder(server.url()).connect().await.unwrap();
    let clock = Manual::new();
    clock.set(1_700_000_000_000_000);
    let store = Redis::at("orders", &connection, clock.clone());
    let (token, fingerprint) = (Token::from_bytes([7; 16]), Fingerprint::from_bytes([9; 32]));
    let request = ClaimRequest {
        token,
        fingerprint,
        ..request()
    };
    let mut client = server.client();
    let mut is = |state: &str, until: &str, rest: &str| {
        let bytes: Vec<u8> = client.get(key()).unwrap();
        let head = [state.as_bytes(), &[9; 32], &[7; 16]].concat();
        assert_eq!(bytes, [&head, until.as_bytes(), rest.as_bytes()].concat());
    };
    assert!(store.claim(name("k"), request).await.is_ok());
    is("1L-", "1700000060000000", "0000000060000000");
    clock.advance(MINUTE);
    let other = ClaimRequest {
        token: Token::from_bytes([8; 16]),
        ..request
    };
    assert!(store.claim(name("k"), other).await.is_ok());
    clock.advance(MINUTE);
    assert!(store.claim(name("k"), request).await.is_ok());
    // The third attempt.
    is("1R-", "1700000180000000", "00000000600000003");
    let mut settled = Box::pin(store.settled(name("k")));
    tokio::select! {
        () = &mut settled => panic!("nothing has ended"),
        () = until("it looks", || ready(store.counts().polled > 0)) => {}
    }
    is("1Rw", "1700000180000000", "00000000600000003");
    let kept = store
        .complete(name("k"), token, "done".into(), 2 * MINUTE)
        .await;
    assert_eq!(kept, Ok(LeaseStatus::Held));
    is("1Cw", "1700000240000000", "done");
}

/// The documented bound is the rest of lease and keep.
#[tokio::test]
async fn a_clock_that_is_set_ahead_runs_nothing_twice_within_lease_and_keep() {
    let server = Server::start();
    let connection = builder(server.url()).connect().await.unwrap();
    let clock = Manual::new();
    let store = Redis::at("orders", &connection, clock.clone());
    let request = ClaimRequest {
        takeover: Takeover::Refuse,
        keep: 60 * MINUTE,
        ..request()
    };
    let other = || ClaimRequest {
        token: super::request().token,
        ..request
    };
    assert!(store.claim(name("k"), request).await.is_ok());
    // The clock steps while the work goes on.
    clock.advance(61 * MINUTE - Duration::from_micros(1));
    assert_eq!(store.claim(name("k"), other()).await, Ok(Claim::Unknown));
    assert_eq!(
        store.renew(name("k"), request.token, MINUTE).await,
        Ok(LeaseStatus::Held)
    );
    clock.advance(61 * MINUTE);
    let again = store.claim(name("k"), other()).await;
    assert_eq!(again, Ok(Claim::Run { attempt: 1 }));
    // A step back keeps the record.
    clock.set(clock.now() - 60_000_000_000);
    let running = store.claim(name("k"), other()).await;
    assert!(matches!(running, Ok(Claim::Running { .. })), "{running:?}");
}

/// Another version of this crate may have written it.
#[tokio::test]
async fn a_record_of_another_layout_is_refused_and_stays() {
    let server = Server::start();
    let (store, connection) = store(server.url()).await;
    let mut client = server.client();
    let request = request();
    let lease = ["f".repeat(32), "t".repeat(16), "9".repeat(16)].concat();
    let keep = "0".repeat(16);
    let strays = [
        "2?".into(),
        "".into(),
        "nonsense".into(),
        "1".into(),
        "1L-".into(),
        format!("1L-{lease}"),
        format!("1X-{lease}{keep}"),
        format!("1L?{lease}{keep}"),
        format!("1L-{lease}keep"),
        format!("1C-{}", lease.replace('9', "x")),
        format!("2L-{lease}{keep}"),
    ];
    for stray in &strays {
        let () = client.set(key(), stray).unwrap();
        let foreign = StoreError::Record(RecordError::Foreign);
        assert_eq!(store.claim(name("k"), request).await, Err(foreign.clone()));
        assert_eq!(
            store.release(name("k"), request.token).await,
            Err(foreign.clone())
        );
        let refused = store.complete(name("k"), request.token, "done".into(), MINUTE);
        assert_eq!(refused.await, Err(foreign));
        assert_eq!(client.get(key()), Ok(stray.clone()));
    }
    assert_eq!(connection.stats().opened, 0);
}

#[tokio::test]
async fn a_record_of_another_type_is_not_an_outage_and_stays() {
    let server = Server::start();
    let (store, connection) = store(server.url()).await;
    let mut client = server.client();
    let (request, foreign) = (request(), Err(StoreError::Record(RecordError::Foreign)));
    let () = client.hset(key(), "a", "b").unwrap();
    assert_eq!(
        store
            .claim(name("k"), request)
            .await
            .map(|_| LeaseStatus::Held),
        foreign
    );
    assert_eq!(store.renew(name("k"), request.token, MINUTE).await, foreign);
    let complete = store.complete(name("k"), request.token, "done".into(), MINUTE);
    assert_eq!(complete.await, foreign);
    let restore = store.restore(
        name("k"),
        request.fingerprint,
        request.token,
        "done".into(),
        MINUTE,
    );
    assert_eq!(restore.await, foreign);
    assert_eq!(store.release(name("k"), request.token).await, foreign);
    assert_eq!(client.hget(key(), "a"), Ok("b".to_owned()));
    assert_eq!(connection.stats().opened, 0);
}

/// Even if the layer admits requests while the store is down.
#[tokio::test]
async fn a_key_whose_record_is_of_another_type_does_not_pass() {
    let server = Server::start();
    let (store, _) = store(server.url()).await;
    let mut client = server.client();
    let layer = IdempotencyLayer::new(store).global_scope().fail_open();
    let runs = Arc::new(AtomicU32::new(0));
    let ran = Arc::clone(&runs);
    let work = service_fn(move |_: Request<Full<Bytes>>| {
        ran.fetch_add(1, Relaxed);
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let service = layer.layer(work);
    let charge = || {
        let request = Request::post("/").header("idempotency-key", "17");
        service
            .clone()
            .oneshot(request.body(Full::default()).unwrap())
    };
    assert_eq!(charge().await.unwrap().status(), 200);
    let keys: Vec<String> = client.keys("*:idempotency").unwrap();
    let [key] = keys.as_slice() else {
        panic!("{keys:?}")
    };
    let () = client.del(key).unwrap();
    let () = client.hset(key, "a", "b").unwrap();
    let refused = charge().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(runs.load(Relaxed), 1);
}

#[tokio::test]
async fn stores_of_other_names_and_prefixes_share_nothing() {
    let server = Server::start();
    let (one, connection) = store(server.url()).await;
    let other = Redis::new("orders}:{other", &connection);
    let shop = builder(server.url())
        .prefix("shop")
        .connect()
        .await
        .unwrap();
    let elsewhere = Redis::new("orders", &shop);
    for store in [one, other, elsewhere] {
        let claimed = store.claim(name("k"), request()).await;
        assert_eq!(claimed, Ok(Claim::Run { attempt: 1 }), "{store:?}");
    }
    let mut keys: Vec<String> = server.client().keys("*idempotency").unwrap();
    keys.sort();
    let name = name("k");
    let expected = [
        format!("shop:{{orders:{name}}}:idempotency"),
        format!("sluicegate:{{orders%7D%3A%7Bother:{name}}}:idempotency"),
        format!("sluicegate:{{orders:{name}}}:idempotency"),
    ];
    assert_eq!(keys, expected);
}

/// The server's clock counts, and not the caller's.
#[tokio::test]
async fn a_lease_lapses_by_the_servers_clock() {
    let server = Server::start();
    let connection = builder(server.url()).connect().await.unwrap();
    let store = Redis::new("orders", &connection);
    // A process whose clock says that it is 1970 replays an old history.
    let replayed = Redis::at("replayed", &connection, Manual::new());
    assert!(replayed.claim(name("k"), request()).await.is_ok());
    let request = ClaimRequest {
        lease: Duration::from_millis(20),
        ..request()
    };
    assert!(store.claim(name("k"), request).await.is_ok());
    until("it lapses", || async {
        let claimed = store.claim(name("k"), super::request()).await;
        claimed == Ok(Claim::Run { attempt: 2 })
    })
    .await;
    let running = replayed.claim(name("k"), super::request()).await;
    assert_eq!(running, Ok(Claim::Running { left: MINUTE }));
}

fn set_memory(server: &Server, policy: &str, most: &str) {
    for (setting, value) in [("maxmemory-policy", policy), ("maxmemory", most)] {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg(setting).arg(value);
        set.exec(&mut server.client()).unwrap();
    }
}

#[tokio::test]
async fn a_full_server_refuses_new_records_and_keeps_the_others() {
    let server = Server::start();
    // This call is made even when the server refuses it.
    let stubborn = builder(server.url()).breaker(u32::MAX, Duration::from_secs(1));
    let connection = stubborn.connect().await.unwrap();
    let store = Redis::new("orders", &connection);
    let first = request();
    assert!(store.claim(name("k"), first).await.is_ok());
    set_memory(&server, "noeviction", "1mb");
    assert_eq!(
        store.claim(name("new"), request()).await,
        Err(StoreError::Full)
    );
    let full = store.complete(name("k"), first.token, "done".into(), MINUTE);
    assert_eq!(full.await, Err(StoreError::Full));
    // Calls that need no memory still succeed.
    let running = store.claim(name("k"), request()).await;
    assert!(matches!(running, Ok(Claim::Running { .. })));
    assert_eq!(
        store.release(name("k"), first.token).await,
        Ok(LeaseStatus::Held)
    );
}

#[tokio::test]
async fn a_policy_that_drops_records_is_found_once() {
    let server = Server::start();
    let (log, _logging) = Log::begin();
    for (policy, evicting) in [
        ("noeviction", false),
        ("volatile-ttl", true),
        ("allkeys-lru", true),
    ] {
        set_memory(&server, policy, "0");
        let (store, connection) = store(server.url()).await;
        assert_eq!(store.eviction_policy().await, Ok(Some(policy.to_owned())));
        assert!(!store.counts().evicting);
        for _ in 0..3 {
            assert!(store.claim(name("k"), request()).await.is_ok());
        }
        // Three claims, and the policy twice.
        until("it is asked for", || ready(connection.stats().calls == 5)).await;
        until("it is known", || ready(store.counts().evicting == evicting)).await;
        let warnings = log.lines(&format!("policy=\"{policy}\""));
        assert_eq!(warnings.len(), usize::from(evicting), "{warnings:?}");
    }
}

#[tokio::test]
async fn a_claimant_replays_the_record_of_another() {
    let server = Server::start();
    let claimant = |store| Claimant::new(store).lease(MINUTE);
    let (one, _one) = store(server.url()).await;
    let (other, _other) = store(server.url()).await;
    let (one, other) = (claimant(one), claimant(other));
    let work = request().fingerprint;
    let Ok(Claimed::Run(guard)) = one.claim(name("k"), work).await else {
        panic!("it is new")
    };
    let record = Record::Value(Body::Kept("done".into()));
    guard.complete(record.clone()).await;
    let replayed = other.claim(name("k"), work).await;
    assert!(matches!(replayed, Ok(Claimed::Replay(kept)) if kept == record));
}
