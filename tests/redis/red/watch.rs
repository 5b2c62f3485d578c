use std::{future::ready, time::Duration};

use sluicegate::red::Fleet;

use super::instance::{FIVE_MINUTES, Instance, connect};
use crate::{connection::until, server::Server};

const SOON: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_watch_sees_what_is_shipped() {
    let server = Server::start();
    let mut instance = Instance::new(1, &connect(server.url()).await);
    let watch = instance.redis.watch(FIVE_MINUTES, SOON);
    assert_eq!(*watch.latest(), Fleet::default());
    assert_eq!(
        (watch.latest().rate(), watch.latest().error_ratio()),
        (0.0, None)
    );
    for _ in 0..3 {
        instance.serve(10).await;
        instance.redis.flush().await.unwrap();
        let snapshot = instance.registry.snapshot();
        until("it is seen", || ready(watch.latest().snapshot == snapshot)).await;
    }
}

#[tokio::test]
async fn a_watch_keeps_what_it_saw_while_redis_is_away() {
    let mut server = Server::start();
    let mut instance = Instance::new(1, &connect(server.url()).await);
    instance.serve(10).await;
    instance.redis.flush().await.unwrap();
    let mut watch = instance.redis.watch(FIVE_MINUTES, SOON);
    let seen = watch.next().await.unwrap();
    assert_eq!(seen.snapshot, instance.registry.snapshot());
    server.kill();
    until("it is missed", || ready(watch.error().is_some())).await;
    assert_eq!(watch.latest().snapshot, seen.snapshot);
    server.restart();
    until("it is back", || ready(watch.error().is_none())).await;
}

#[tokio::test]
async fn a_watch_ends_when_nobody_looks() {
    let server = Server::start();
    let connection = connect(server.url()).await;
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    let reader = sluicegate::red::redis::Reader::new("orders", &connection);
    let day = Duration::from_secs(86_400);
    let watch = reader.watch(FIVE_MINUTES, day);
    let mut clone = watch.clone();
    drop(watch);
    clone.next().await.unwrap();
    assert_eq!(tasks.num_alive_tasks(), before + 1);
    drop(clone);
    until("it ends", || ready(tasks.num_alive_tasks() == before)).await;
}
