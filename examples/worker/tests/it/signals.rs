//! SIGTERM in the middle of each stage.

use crate::support::{Answer, Books, Client, Folder, Worker, provider_calls};

const BOOK: &str = r#"{"item":"book","cents":1999}"#;

/// Starts a worker with a slow stage, and stops it while that has an order.
async fn stop_in(stage: &str, folder: &Folder) {
    let slow = format!("--{stage}-time");
    let worker = Worker::start(folder, &[&slow, "2s"]);
    let client = Client::new(worker.address);
    client.post("/orders", Some("1"), BOOK).await;
    in_stage(&client, stage).await;
    worker.terminate();
    assert!(worker.ended().await.success());
}

/// Waits until the pool of this stage works on an order.
async fn in_stage(client: &Client, stage: &str) {
    let line = format!("worker_inflight{{stage=\"{stage}\"}} 1");
    let is_there = |answer: &Answer| answer.text.lines().any(|it| it == line);
    client.until("/metrics", is_there).await;
}

/// Starts the worker again, and waits until nothing is pending.
async fn finish(folder: &Folder, flags: &[&str]) -> Books {
    let worker = Worker::start(folder, flags);
    Client::new(worker.address).settled().await;
    worker.terminate();
    assert!(worker.ended().await.success());
    let books = Books::open(&folder.sqlite()).await;
    books.assert_sound().await;
    books
}

const COMPLETED: &str = "SELECT COUNT(*) FROM outbox WHERE state = 'completed' AND attempts = 1";

#[tokio::test]
async fn an_order_that_is_prepared_is_given_back_and_done_later() {
    let folder = Folder::new();
    stop_in("prepare", &folder).await;
    let books = Books::open(&folder.sqlite()).await;
    let given = "SELECT COUNT(*) FROM outbox WHERE state = 'failed_retry' AND attempts = 0";
    assert_eq!(books.count(given).await, 1);
    assert_eq!(finish(&folder, &[]).await.count(COMPLETED).await, 1);
}

#[tokio::test]
async fn an_order_that_is_charged_is_settled_first() {
    let folder = Folder::new();
    stop_in("charge", &folder).await;
    let books = Books::open(&folder.sqlite()).await;
    assert_eq!(books.count(COMPLETED).await, 1);
}

#[tokio::test]
async fn an_order_that_is_settled_is_completed_first() {
    let folder = Folder::new();
    stop_in("settle", &folder).await;
    let books = Books::open(&folder.sqlite()).await;
    assert_eq!(books.count(COMPLETED).await, 1);
}

/// The charge would take an hour, so that only the abort can end it.
#[tokio::test]
async fn a_second_signal_cuts_a_charge_off_and_its_outcome_is_unknown() {
    let folder = Folder::new();
    let worker = Worker::start(
        &folder,
        &["--charge-time", "1h", "--drain", "1h", "--lease", "100ms"],
    );
    let client = Client::new(worker.address);
    client.post("/orders", Some("1"), BOOK).await;
    in_stage(&client, "charge").await;
    worker.terminate();
    client.until_gone().await;
    worker.terminate();
    assert!(!worker.ended().await.success());
    let books = finish(&folder, &["--lease", "50ms"]).await;
    let unknown = "SELECT COUNT(*) FROM outbox WHERE reason = 'outcome-unknown'";
    assert_eq!(books.count(unknown).await, 1);
    assert_eq!(provider_calls(&folder)["charge 1 0"], 1);
}

/// The time between a kill and the restart is not awaited: the new process takes the
/// order over once the lease of the old one has lapsed.
#[tokio::test]
async fn a_receipt_that_was_kept_is_not_charged_again() {
    let folder = Folder::new();
    let worker = Worker::start(&folder, &["--settle-time", "1h"]);
    let client = Client::new(worker.address);
    client.post("/orders", Some("1"), BOOK).await;
    in_stage(&client, "settle").await;
    worker.kill();
    let books = finish(&folder, &[]).await;
    assert_eq!(books.count("SELECT COUNT(*) FROM entries").await, 1);
    assert_eq!(provider_calls(&folder)["charge 1 0"], 1);
}

/// The lame duck would take an hour, so that the second signal ends it.
#[tokio::test]
async fn the_metrics_count_what_ends_while_the_worker_drains() {
    let folder = Folder::new();
    let worker = Worker::start(&folder, &["--lame-duck", "1h", "--drain", "2h"]);
    let client = Client::new(worker.address);
    worker.terminate();
    let has = |line: &'static str| move |answer: &Answer| answer.text.lines().any(|it| it == line);
    client
        .until(
            "/metrics",
            has("sluicegate_drain_stage{stage=\"lame_duck\"} 1"),
        )
        .await;
    client.post("/orders", Some("1"), BOOK).await;
    client
        .until(
            "/metrics",
            has("sluicegate_drain_ended_total{end=\"finished\"} 1"),
        )
        .await;
    worker.terminate();
    worker.ended().await;
}
