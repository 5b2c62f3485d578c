//! Instances that share a limit, in one process.

use std::time::Duration;

use futures_util::future::join_all;
use sluicegate::{
    concurrency::{Ask, Permit, Redis},
    redis::Connection,
};

use super::ledger::{ledger, most_beyond};
use crate::{connection::until, server::Server};

const KEY: &str = "sluicegate:{db}:permits";

async fn connect(server: &Server) -> Connection {
    // No call is late, however busy the machine is.
    let patient = Connection::builder(server.url().as_str()).timeout(Duration::from_secs(15));
    patient.connect().await.unwrap()
}

/// An instance of a limit of so many.
async fn instance(server: &Server, limit: u32) -> Redis {
    // Longer than unless set, so that none ends while the machine is busy.
    let builder = Redis::builder("db", limit, &connect(server).await);
    builder.lease(Duration::from_secs(4)).build()
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
    held.extend(admitted(&other, 3).await);
    assert_eq!(held.len(), 5);
    assert_eq!(admitted(&one, 1).await.len(), 0);
    drop(held);
    until("idle permits come back", async || {
        admitted(&other, 5).await.len() == 5
    })
    .await;
    assert_eq!(most_beyond(&ledger(&server, KEY)), 0);
}
