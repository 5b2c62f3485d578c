//! Streams and sinks that keep to a limit lose nothing and share it.

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt, sink, stream};
use sluicegate::{
    clock::Tokio,
    limit::{
        Direct, LeakyBucket, Local, Quota, TokenBucket,
        pace::{PacedSink, PacedStream},
    },
};
use tokio::time::sleep;

use crate::support::{Journal, ms, timed};

/// 10 a second, `burst` at once.
fn ten_a_second(burst: u64) -> Local<TokenBucket, Direct, Tokio> {
    timed(TokenBucket::new(Quota::per_second(10).burst(burst)))
}

/// A sink that writes into the journal.
fn written<T: Clone>(journal: &Journal<T>) -> impl Sink<T, Error = ()> + Unpin + use<T> {
    let journal = journal.clone();
    sink::unfold((), move |(), item| {
        journal.write(item);
        std::future::ready(Ok(()))
    })
}

#[tokio::test(start_paused = true)]
async fn a_stream_yields_its_burst_and_then_one_in_every_interval() {
    let journal = Journal::new();
    let paced = PacedStream::new(stream::iter(0..5), ten_a_second(2));
    paced.for_each(async |item| journal.write(item)).await;
    let expected = [(0, 0), (0, 1), (100, 2), (200, 3), (300, 4)];
    assert_eq!(journal.entries(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_item_takes_as_long_as_it_costs() {
    let journal = Journal::new();
    let paced = PacedStream::new(stream::iter([1, 2, 3]), ten_a_second(3)).cost(|item| *item);
    paced.for_each(async |item| journal.write(item)).await;
    assert_eq!(journal.entries(), [(0, 1), (0, 2), (300, 3)]);
}

#[tokio::test(start_paused = true)]
async fn an_item_that_could_never_pass_costs_as_much_as_the_limit() {
    let journal = Journal::new();
    let paced = PacedStream::new(stream::iter([1_000, 1]), ten_a_second(3)).cost(|item| *item);
    paced.for_each(async |item| journal.write(item)).await;
    assert_eq!(journal.entries(), [(0, 1_000), (100, 1)]);
}

#[tokio::test(start_paused = true)]
async fn streams_over_one_limiter_take_turns() {
    let (limiter, journal) = (ten_a_second(1), Journal::new());
    let paced = |name| {
        let stream = PacedStream::new(stream::iter([name; 3]), limiter.clone());
        stream.for_each(async |item| journal.write(item))
    };
    futures_util::join!(paced("a"), paced("b"));
    let expected = [
        (0, "a"),
        (100, "a"),
        (200, "b"),
        (300, "a"),
        (400, "b"),
        (500, "b"),
    ];
    assert_eq!(journal.entries(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_gives_its_place_back() {
    let limiter = ten_a_second(1);
    assert!(limiter.check(1).is_admitted());
    let mut dropped = PacedStream::new(stream::iter([1]), limiter.clone());
    assert!(dropped.next().now_or_never().is_none());
    assert_eq!(limiter.peek().reset_after(), ms(200));
    drop(dropped);
    assert_eq!(limiter.peek().reset_after(), ms(100));
}

#[tokio::test(start_paused = true)]
async fn a_stream_counts_the_item_that_waits_among_those_to_come() {
    let mut paced = PacedStream::new(stream::iter([1, 2]), ten_a_second(1));
    assert_eq!(paced.next().await, Some(1));
    assert!(paced.next().now_or_never().is_none());
    assert_eq!(Stream::size_hint(&paced), (1, Some(1)));
    assert_eq!(paced.collect::<Vec<_>>().await, [2]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_takes_its_burst_and_then_one_in_every_interval() {
    let journal = Journal::new();
    let mut paced = PacedSink::new(written(&journal), ten_a_second(2));
    for item in 0..4 {
        paced.send(item).await.unwrap();
    }
    let expected = [(0, 0), (0, 1), (100, 2), (200, 3)];
    assert_eq!(journal.entries(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_sink_holds_one_item_until_its_turn_and_hands_it_on_when_closed() {
    let journal = Journal::new();
    let mut paced = PacedSink::new(written(&journal), ten_a_second(1));
    paced.feed("first").await.unwrap();
    paced.feed("second").await.unwrap();
    assert_eq!(journal.entries(), [(0, "first")]);
    assert!(paced.feed("third").now_or_never().is_none());
    paced.close().await.unwrap();
    assert_eq!(journal.entries(), [(0, "first"), (100, "second")]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_dropped_gives_its_place_back() {
    let (limiter, journal) = (ten_a_second(1), Journal::new());
    assert!(limiter.check(1).is_admitted());
    let mut paced = PacedSink::new(written(&journal), limiter.clone());
    paced.feed("lost").await.unwrap();
    assert_eq!(limiter.peek().reset_after(), ms(200));
    drop(paced);
    assert_eq!(limiter.peek().reset_after(), ms(100));
    assert!(journal.entries().is_empty());
}

/// More streams than the leaky bucket has room for: nothing is lost, and
/// nothing passes too early.
#[tokio::test(start_paused = true)]
async fn streams_wait_for_room_in_a_leaky_bucket_that_is_full() {
    let limiter = timed(LeakyBucket::new(Quota::per_second(10).burst(1)));
    let journal = Journal::new();
    for name in 0..5 {
        let (paced, journal) = (
            PacedStream::new(stream::iter([name; 2]), limiter.clone()),
            journal.clone(),
        );
        tokio::spawn(paced.for_each(move |item| {
            journal.write(item);
            std::future::ready(())
        }));
    }
    sleep(ms(10_000)).await;
    let instants: Vec<_> = journal.entries().iter().map(|it| it.0).collect();
    assert_eq!(instants, (0..10).map(|n| n * 100).collect::<Vec<_>>());
}
