//! A waiter for work in another process gets a message at its end, or polls.

use std::{future::ready, time::Duration};

use futures_util::poll;
use sluicegate::idempotency::{Claim, LeaseStatus, Redis, Store, Token};

use super::{MINUTE, name, request, store};
use crate::{
    connection::{builder, until},
    server::Server,
};

/// Longer than any message takes.
const HANGS: Duration = Duration::from_secs(20);

async fn runs(store: &Redis) -> Token {
    let request = request();
    let claimed = store.claim(name("k"), request).await;
    assert_eq!(claimed, Ok(Claim::Run { attempt: 1 }));
    request.token
}

async fn ends(store: &Redis, token: Token) {
    let kept = store
        .complete(name("k"), token, "done".into(), MINUTE)
        .await;
    assert_eq!(kept, Ok(LeaseStatus::Held));
}

/// Returns the result of a waiter that claims as soon as the wait ends; `go`
/// starts after it has subscribed and is marked as waiting.
async fn waits(waiter: &Redis, go: impl Future<Output = ()>) -> Claim {
    let waited = async {
        waiter.settled(name("k")).await;
        waiter
            .claim(name("k"), request())
            .await
            .expect("it is there")
    };
    let gone = async {
        until("it listens, and looked before", || {
            let counts = waiter.counts();
            ready(counts.subscribed > 0 && counts.notified + counts.polled > 0)
        })
        .await;
        go.await;
    };
    futures_util::join!(waited, gone).0
}

fn done() -> Claim {
    Claim::Replay("done".into())
}

#[tokio::test]
async fn no_call_waits_for_work_that_does_not_run() {
    let server = Server::start();
    let (store, _connection) = store(server.url()).await;
    store.settled(name("k")).await;
    let token = runs(&store).await;
    ends(&store, token).await;
    store.settled(name("k")).await;
    assert_eq!(store.counts().polled, 0);
}

#[tokio::test]
async fn the_end_of_work_is_published() {
    let server = Server::start();
    let (holder, _holder) = store(server.url()).await;
    let (waiter, _waiter) = store(server.url()).await;
    let token = runs(&holder).await;
    let mut client = server.client();
    // The waiter would also poll, so this channel shows that the message came in
    // time.
    let mut ear = client.as_pubsub();
    ear.set_read_timeout(Some(HANGS)).unwrap();
    ear.subscribe("sluicegate:orders:settled").unwrap();
    assert_eq!(waits(&waiter, ends(&holder, token)).await, done());
    let told = ear.get_message().unwrap();
    assert_eq!(told.get_payload_bytes(), name("k").as_bytes());
}

#[tokio::test]
async fn a_release_wakes_a_waiting_caller_which_may_run() {
    let server = Server::start();
    let (holder, _holder) = store(server.url()).await;
    let (waiter, _waiter) = store(server.url()).await;
    let token = runs(&holder).await;
    let release = async {
        assert_eq!(
            holder.release(name("k"), token).await,
            Ok(LeaseStatus::Held)
        );
    };
    let claimed = waits(&waiter, release).await;
    assert_eq!(claimed, Claim::Run { attempt: 1 });
}

/// A new subscription wakes the waiters once; further wake-ups are messages. If
/// polling was faster than the message, the test tries again.
#[tokio::test]
async fn a_message_wakes_the_waiter() {
    let server = Server::start();
    let (holder, _holder) = store(server.url()).await;
    let (waiter, _waiter) = store(server.url()).await;
    until("a message wakes it", || async {
        let token = runs(&holder).await;
        let waits = waiter.settled(name("k"));
        let release = holder.release(name("k"), token);
        let ((), held) = futures_util::join!(waits, release);
        assert_eq!(held, Ok(LeaseStatus::Held));
        waiter.counts().notified > waiter.counts().subscribed
    })
    .await;
}

/// A renewal and a repeated claim keep the mark of the waiter.
#[tokio::test]
async fn the_mark_of_a_waiting_caller_stays_until_the_end() {
    let server = Server::start();
    let (holder, _holder) = store(server.url()).await;
    let (waiter, _waiter) = store(server.url()).await;
    let request = request();
    assert!(holder.claim(name("k"), request).await.is_ok());
    let mut client = server.client();
    let mut ear = client.as_pubsub();
    ear.set_read_timeout(Some(HANGS)).unwrap();
    ear.subscribe("sluicegate:orders:settled").unwrap();
    let end = async {
        assert_eq!(
            holder.renew(name("k"), request.token, MINUTE).await,
            Ok(LeaseStatus::Held)
        );
        assert!(holder.claim(name("k"), request).await.is_ok());
        ends(&holder, request.token).await;
    };
    assert_eq!(waits(&waiter, end).await, done());
    assert_eq!(
        ear.get_message().unwrap().get_payload_bytes(),
        name("k").as_bytes()
    );
}

/// RESP2 has no messages on a connection that is used for calls.
#[tokio::test]
async fn without_messages_a_waiting_caller_asks_again() {
    let server = Server::start();
    let (holder, _holder) = store(server.url()).await;
    let connection = builder(format!("{}?protocol=2", server.url()))
        .connect()
        .await
        .unwrap();
    let waiter = Redis::new("orders", &connection);
    let token = runs(&holder).await;
    let mut settled = Box::pin(waiter.settled(name("k")));
    let looked = until("it looked twice", || ready(waiter.counts().polled >= 2));
    tokio::select! {
        () = &mut settled => panic!("nothing has ended"),
        () = looked => {}
    }
    ends(&holder, token).await;
    settled.await;
    assert_eq!(
        (waiter.counts().subscribed, waiter.counts().notified),
        (0, 0)
    );
}

#[tokio::test]
async fn a_killed_subscription_begins_again() {
    let server = Server::start();
    let (holder, _holder) = store(server.url()).await;
    let (waiter, _waiter) = store(server.url()).await;
    let token = runs(&holder).await;
    let kill_and_end = async {
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg("pubsub");
        kill.exec(&mut server.client()).unwrap();
        until("it listens again", || ready(waiter.counts().subscribed > 1)).await;
        ends(&holder, token).await;
    };
    assert_eq!(waits(&waiter, kill_and_end).await, done());
}

#[tokio::test]
async fn a_waiter_survives_an_outage_of_the_server() {
    let mut server = Server::start();
    let (holder, _holder) = store(server.url()).await;
    let (waiter, _waiter) = store(server.url()).await;
    runs(&holder).await;
    let mut settled = Box::pin(waiter.settled(name("k")));
    assert!(poll!(&mut settled).is_pending());
    server.kill();
    let polled = waiter.counts().polled;
    let looked = until("it finds nobody", || {
        ready(waiter.counts().polled > polled + 1)
    });
    tokio::select! {
        () = &mut settled => panic!("nobody said so"),
        () = looked => {}
    }
    // Without persistence, the server has lost all work.
    server.restart();
    settled.await;
}

#[tokio::test]
async fn a_store_that_is_dropped_listens_no_more() {
    let server = Server::start();
    let (holder, _holder) = store(server.url()).await;
    let (waiter, _waiter) = store(server.url()).await;
    let token = runs(&holder).await;
    assert_eq!(waits(&waiter, ends(&holder, token)).await, done());
    let subscribers = || {
        let mut count = redis::cmd("PUBSUB");
        count.arg("NUMSUB").arg("sluicegate:orders:settled");
        let (_, count): (String, u64) = count.query(&mut server.client()).unwrap();
        count
    };
    assert_eq!(subscribers(), 1);
    let clone = waiter.clone();
    drop(waiter);
    assert_eq!(subscribers(), 1);
    drop(clone);
    until("nobody listens", || ready(subscribers() == 0)).await;
}
