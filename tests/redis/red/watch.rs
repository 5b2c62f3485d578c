use std::{future::ready, time::Duration};

use sluicegate::red::Fleet;

use super::instance::{FIVE_MINUTES, Instance, connect};
use crate::{
    connection::until,
    runtimes::{First, Time},
    server::Server,
};

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
async fn a_watch_ends_with_its_last_reader() {
    let server = Server::start();
    let connection = connect(server.url()).await;
    let reader = sluicegate::red::redis::Reader::new("orders", &connection);
    let day = Duration::from_secs(86_400);
    let watch = reader.watch(FIVE_MINUTES, day);
    let mut clone = watch.clone();
    drop((watch, reader, connection));
    clone.next().await.unwrap();
    let mut client = server.client();
    let mut clients = || {
        let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut client).unwrap();
        list.lines().count()
    };
    assert!(clients() > 1);
    drop(clone);
    until("it hangs up", || ready(clients() == 1)).await;
}

#[test]
fn a_watch_goes_on_whatever_becomes_of_the_first_runtime() {
    for first in First::ALL {
        let server = Server::start();
        let begin = async || {
            let instance = Instance::every(SOON * 100, 1, &connect(server.url()).await);
            let watch = instance.redis.watch(FIVE_MINUTES, SOON);
            (instance, watch)
        };
        first.then(Time::Real, begin, async |(mut instance, mut watch)| {
            for _ in 0..3 {
                instance.serve(10).await;
                // It ships by itself.
                let snapshot = instance.registry.snapshot();
                until("it is shipped", || {
                    ready(instance.redis.stats().unshipped == 0)
                })
                .await;
                while watch.next().await.unwrap().snapshot != snapshot {}
            }
        });
    }
}
