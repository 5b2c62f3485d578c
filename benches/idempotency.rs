//! Measures stores of idempotency records: to claim and complete work, to claim
//! completed work, and to open a durable store with a million records.
//!
//! Records have 1 KiB. Times are per claim; "64 at once" is the total time divided by
//! the number of claims.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::future::join_all;
use sluicegate::idempotency::{
    Claim, ClaimRequest, Durable, Fingerprint, Fsync, LeaseStatus, Local, Name, Scope, Store,
    Takeover, Token,
};
use tokio::runtime::Runtime;

const KEEP: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

fn local(c: &mut Criterion) {
    compare(c, "local", |_| Local::new());
}

fn durable(c: &mut Criterion) {
    let settings = [
        ("durable", Fsync::Always),
        ("durable, completions", Fsync::Completions),
        ("durable, no fsync", Fsync::Never),
    ];
    for (name, fsync) in settings {
        let folder = folder();
        compare(c, name, |runtime| {
            let opened = Durable::builder().fsync(fsync).open(&folder);
            runtime.block_on(opened).expect("the store opens")
        });
        // The store may still be closing, which no longer matters.
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// Opens a store with a million records of 100 bytes, which it reads one by one.
fn opening(c: &mut Criterion) {
    const RECORDS: u64 = 1_000_000;
    let (runtime, folder) = (Runtime::new().expect("a runtime"), folder());
    let open = || Durable::builder().fsync(Fsync::Never).open(&folder);
    let fill = async {
        let store = open().await.expect("the store opens");
        let scope = Token::random().to_string();
        spread(RECORDS, 64, |nth| {
            let (store, name) = (store.clone(), Scope::new(&scope).name(nth.to_be_bytes()));
            async move { kept(&store, name, &[7; 100], DAY).await }
        })
        .await;
        store.close().await;
    };
    let opened = async |count| {
        let mut took = Duration::ZERO;
        for _ in 0..count {
            let begun = Instant::now();
            let store = open().await.expect("the store opens");
            took += begun.elapsed();
            assert_eq!(store.counts().records, RECORDS);
            store.close().await;
        }
        took
    };
    runtime.block_on(fill);
    let mut group = c.benchmark_group("open");
    group.sample_size(10);
    group.bench_function("a million records", |bencher| {
        bencher.iter_custom(|count| runtime.block_on(opened(count)));
    });
    group.finish();
    let _ = std::fs::remove_dir_all(&folder);
}

fn compare<S: Store>(c: &mut Criterion, store: &str, open: impl FnOnce(&Runtime) -> S) {
    let runtime = Runtime::new().expect("a runtime");
    let store_opened = open(&runtime);
    for at_once in [1, 64] {
        let row = format!("{store}, {at_once} at once");
        let time = |count| runtime.block_on(work(&store_opened, count, at_once));
        measure(c, &format!("work/{row}"), time);
        let time = |count| runtime.block_on(replay(&store_opened, count, at_once));
        measure(c, &format!("replay/{row}"), time);
    }
}

fn measure(c: &mut Criterion, name: &str, mut time: impl FnMut(u64) -> Duration) {
    c.bench_function(name, |bencher| bencher.iter_custom(&mut time));
}

/// Claims and completes new work.
async fn work(store: &impl Store, count: u64, at_once: u64) -> Duration {
    let scope = Token::random().to_string();
    spread(count, at_once, |nth| {
        let (store, name) = (store.clone(), Scope::new(&scope).name(nth.to_be_bytes()));
        async move { done(&store, name).await }
    })
    .await
}

/// Claims completed work.
async fn replay(store: &impl Store, count: u64, at_once: u64) -> Duration {
    let name = Scope::new(&Token::random().to_string()).name("done");
    done(store, name).await;
    spread(count, at_once, |_| {
        let store = store.clone();
        async move {
            let replayed = store.claim(name, request()).await;
            assert!(matches!(replayed, Ok(Claim::Replay(_))));
        }
    })
    .await
}

async fn done(store: &impl Store, name: Name) {
    kept(store, name, &[7; 1_024], KEEP).await;
}

async fn kept(store: &impl Store, name: Name, record: &'static [u8], keep: Duration) {
    let request = request();
    let claimed = store.claim(name, request).await;
    assert_eq!(claimed, Ok(Claim::Run { attempt: 1 }));
    let record = Bytes::from_static(record);
    let completed = store.complete(name, request.token, record, keep).await;
    assert_eq!(completed, Ok(LeaseStatus::Held));
}

/// Splits `count` claims among the tasks.
async fn spread<F>(count: u64, at_once: u64, piece: impl Fn(u64) -> F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks = (0..at_once).map(|task| {
        let share: Vec<F> = (task..count)
            .step_by(at_once as usize)
            .map(&piece)
            .collect();
        async move {
            for piece in share {
                piece.await;
            }
        }
    });
    let tasks: Vec<_> = tasks.collect();
    let begun = Instant::now();
    for ended in join_all(tasks.into_iter().map(tokio::spawn)).await {
        ended.expect("a task ends");
    }
    begun.elapsed()
}

fn request() -> ClaimRequest {
    ClaimRequest {
        fingerprint: Fingerprint::of("work"),
        token: Token::random(),
        lease: KEEP,
        keep: KEEP,
        takeover: Takeover::Rerun,
    }
}

fn folder() -> PathBuf {
    let name = Token::random().to_string();
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

criterion_group!(benches, local, durable, opening);
criterion_main!(benches);
