use sluicegate::redis::ErrorKind;

use super::{
    cut::Cut,
    instance::{FIVE_MINUTES, Instance, connect},
    sums,
};
use crate::{connection::until, dice::Dice, server::Server};

#[tokio::test]
async fn a_flush_whose_answer_was_lost_counts_once() {
    let server = Server::start();
    let cut = Cut::before(&server);
    let mut instance = Instance::new(1, &connect(cut.url()).await);
    instance.serve(50).await;
    // The first flush brings the script along.
    instance.redis.flush().await.unwrap();
    instance.serve(50).await;
    let flushed = instance.registry.snapshot();
    cut.lose(1);
    let error = instance.redis.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    // The flush was counted, but its reply is lost.
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!(sums::of([&fleet.snapshot]), sums::of([&flushed]));
    let stats = instance.redis.stats();
    assert_eq!((stats.flushes, stats.failures, stats.unshipped), (1, 1, 50));

    instance.serve(50).await;
    instance.redis.flush().await.unwrap();
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!(
        sums::of([&fleet.snapshot]),
        sums::of([&instance.registry.snapshot()])
    );
    let stats = instance.redis.stats();
    assert_eq!((stats.flushes, stats.failures, stats.unshipped), (3, 1, 0));
    assert_eq!((stats.retries, stats.duplicates), (1, 1));
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_doubled_while_answers_get_lost() {
    let server = Server::start();
    let cut = Cut::before(&server);
    let connection = connect(cut.url()).await;
    let mut instances: Vec<_> = (0..3)
        .map(|seed| Instance::new(seed, &connection))
        .collect();
    let mut dice = Dice(5);
    for _ in 0..200 {
        let instance = &mut instances[dice.upto(2) as usize];
        instance.serve(dice.upto(20)).await;
        cut.lose(dice.upto(2) as usize);
        let _ = instance.redis.flush().await;
    }
    cut.lose(0);
    for instance in &instances {
        let flushed = || async { instance.redis.flush().await.is_ok() };
        until("all is shipped", flushed).await;
        let stats = instance.redis.stats();
        assert!(
            stats.duplicates > 5 && stats.retries > stats.duplicates,
            "{stats:?}"
        );
        assert_eq!(stats.unshipped, 0);
    }
    let snapshots: Vec<_> = instances.iter().map(|it| it.registry.snapshot()).collect();
    let fleet = instances[0].redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!(sums::of([&fleet.snapshot]), sums::of(&snapshots));
}

#[tokio::test]
async fn a_flush_without_a_waiting_caller_counts_once() {
    let server = Server::start();
    let mut instance = Instance::new(1, &connect(server.url()).await);
    for _ in 0..20 {
        instance.serve(10).await;
        let flush = instance.redis.flush();
        drop(tokio::time::timeout(std::time::Duration::ZERO, flush).await);
    }
    instance.redis.flush().await.unwrap();
    let fleet = instance.redis.read(FIVE_MINUTES).await.unwrap();
    assert_eq!(
        sums::of([&fleet.snapshot]),
        sums::of([&instance.registry.snapshot()])
    );
}
