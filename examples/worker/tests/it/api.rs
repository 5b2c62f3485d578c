//! What clients and operators see.

use crate::support::{Books, Client, Folder, Worker, provider_calls};

const BOOK: &str = r#"{"item":"book","cents":1999}"#;

/// Waits until the order is in this state, and returns it.
async fn until(client: &Client, order: u64, state: &str) -> serde_json::Value {
    let is_there = |answer: &crate::support::Answer| answer.json()["state"] == state;
    let found = client.until(&format!("/orders/{order}"), is_there).await;
    found.json()
}

async fn place(client: &Client, key: &str, body: &str) -> u64 {
    let answer = client.post("/orders", Some(key), body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.json()["order"].as_u64().expect("an order has an id")
}

#[tokio::test]
async fn a_key_names_one_order() {
    let folder = Folder::new();
    let worker = Worker::start(&folder, &[]);
    let client = Client::new(worker.address);
    let order = place(&client, "17", BOOK).await;
    let again = client.post("/orders", Some("17"), BOOK).await;
    assert!(again.is_replayed);
    assert_eq!(
        (again.status, again.json()["order"].as_u64()),
        (202, Some(order))
    );
    let other = r#"{"item":"book","cents":5}"#;
    assert_eq!(client.post("/orders", Some("17"), other).await.status, 422);
    assert_eq!(client.post("/orders", None, BOOK).await.status, 400);
    until(&client, order, "completed").await;
    let completed = client.get("/totals").await.unwrap().json();
    assert_eq!(completed["accepted"], 1);
}

#[tokio::test]
async fn poison_is_listed_and_can_be_put_back() {
    let folder = Folder::new();
    let worker = Worker::start(&folder, &[]);
    let client = Client::new(worker.address);
    let order = place(&client, "1", r#"{"item":"poison","cents":5}"#).await;
    let dead = until(&client, order, "failed").await;
    assert_eq!(dead["reason"], "rejected");
    let listed = client.get("/dead-letters?reason=rejected").await.unwrap();
    assert_eq!(listed.json()[0]["event"], order);
    let path = format!("/dead-letters/{order}/retry");
    assert_eq!(client.post(&path, None, "").await.status, 202);
    let is_second = |answer: &crate::support::Answer| answer.json()[0]["round"] == 1;
    client.until("/dead-letters", is_second).await;
    assert_eq!(
        client
            .get("/dead-letters?reason=expired")
            .await
            .unwrap()
            .json(),
        serde_json::json!([])
    );
    assert_eq!(
        client.get("/dead-letters?reason=age").await.unwrap().status,
        400
    );
}

#[tokio::test]
async fn a_provider_that_stays_down_leads_to_a_dead_letter_after_all_attempts() {
    let folder = Folder::new();
    let flags = ["--fail-rate", "1", "--attempts", "3", "--backoff", "1ms"];
    let worker = Worker::start(&folder, &flags);
    let client = Client::new(worker.address);
    let order = place(&client, "1", BOOK).await;
    let dead = until(&client, order, "failed").await;
    assert_eq!(
        (&dead["reason"], &dead["attempts"]),
        (&"attempts".into(), &3.into())
    );
}

#[tokio::test]
async fn a_cancelled_order_is_refunded_once() {
    let folder = Folder::new();
    let worker = Worker::start(&folder, &[]);
    let client = Client::new(worker.address);
    let order = place(&client, "1", BOOK).await;
    until(&client, order, "completed").await;
    let path = format!("/orders/{order}/cancel");
    for is_replayed in [false, true] {
        let answer = client.post(&path, Some("2"), "").await;
        assert_eq!((answer.status, answer.is_replayed), (202, is_replayed));
    }
    assert_eq!(client.post(&path, Some("3"), "").await.status, 409);
    assert_eq!(
        client.post("/orders/99/cancel", Some("4"), "").await.status,
        404
    );
    client.settled().await;
    let books = Books::open(&folder.sqlite()).await;
    books.assert_sound().await;
    assert_eq!(books.count("SELECT cents FROM account").await, 0);
    assert_eq!(books.count("SELECT COUNT(*) FROM entries").await, 2);
}

/// The only place of the pool `charge` is taken by the first order.
#[tokio::test]
async fn a_cancellation_reaches_an_order_that_a_worker_holds() {
    let folder = Folder::new();
    let flags = ["--charge-time", "2s", "--pools", "1", "1", "1"];
    let worker = Worker::start(&folder, &flags);
    let client = Client::new(worker.address);
    place(&client, "1", BOOK).await;
    let second = r#"{"item":"book","cents":1999,"within_ms":60000}"#;
    let order = place(&client, "2", second).await;
    until(&client, order, "processing").await;
    let path = format!("/orders/{order}/cancel");
    assert_eq!(client.post(&path, Some("3"), "").await.status, 202);
    let dead = until(&client, order, "failed").await;
    assert_eq!(dead["reason"], "cancelled");
    let path = format!("/dead-letters/{order}/retry");
    assert_eq!(client.post(&path, None, "").await.status, 409);
    assert!(!provider_calls(&folder).contains_key(&format!("charge {order} 0")));
}

#[tokio::test]
async fn an_order_whose_deadline_has_passed_is_not_charged() {
    let folder = Folder::new();
    let worker = Worker::start(&folder, &["--prepare-time", "50ms"]);
    let client = Client::new(worker.address);
    let order = place(&client, "1", r#"{"item":"book","cents":5,"within_ms":1}"#).await;
    let dead = until(&client, order, "failed").await;
    assert_eq!(dead["reason"], "expired");
    assert!(provider_calls(&folder).is_empty());
}

#[tokio::test]
async fn work_that_panics_has_an_unknown_outcome() {
    let folder = Folder::new();
    let worker = Worker::start(&folder, &["--lease", "50ms"]);
    let client = Client::new(worker.address);
    let order = place(&client, "1", r#"{"item":"crash","cents":5}"#).await;
    let dead = until(&client, order, "failed").await;
    assert_eq!(dead["reason"], "outcome-unknown");
    assert_eq!(provider_calls(&folder).values().sum::<u32>(), 1);
}

#[tokio::test]
async fn a_full_backlog_answers_503_with_a_time_and_still_knows_its_keys() {
    let folder = Folder::new();
    let worker = Worker::start(&folder, &["--max-pending", "3", "--charge-time", "1h"]);
    let client = Client::new(worker.address);
    for key in ["1", "2", "3"] {
        place(&client, key, BOOK).await;
    }
    let refused = client.post("/orders", Some("4"), BOOK).await;
    assert_eq!(refused.status, 503);
    assert!(refused.retry_after >= Some(1), "{refused:?}");
    let known = client.post("/orders", Some("3"), BOOK).await;
    assert_eq!((known.status, known.is_replayed), (202, true));
    let cancel = client.post("/orders/1/cancel", Some("5"), "").await;
    assert_eq!(cancel.status, 503);
}

#[tokio::test]
async fn the_three_depths_are_different_metrics() {
    let folder = Folder::new();
    let flags = [
        "--charge-time",
        "1h",
        "--pools",
        "1",
        "1",
        "1",
        "--channel",
        "1",
    ];
    let worker = Worker::start(&folder, &flags);
    let client = Client::new(worker.address);
    for key in 0..9 {
        place(&client, &key.to_string(), BOOK).await;
    }
    // One in each pool and channel, one in the hand of the dispatcher.
    let expected = [
        r#"worker_inflight{stage="charge"} 1"#,
        r#"worker_channel_depth{stage="charge"} 1"#,
        r#"worker_inflight{stage="prepare"} 1"#,
        r#"worker_channel_depth{stage="prepare"} 1"#,
        r#"worker_channel_depth{stage="settle"} 0"#,
        r#"worker_dead_letters{reason="outcome-unknown"} 0"#,
        "worker_backlog 4",
        "worker_max_pending 10000",
        r#"worker_requests_total{answer="accepted"} 9"#,
    ];
    let has_all = |answer: &crate::support::Answer| {
        expected
            .iter()
            .all(|line| answer.text.lines().any(|it| it == *line))
    };
    client.until("/metrics", has_all).await;
}
