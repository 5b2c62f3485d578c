//! A thousand duplicates at the same time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use sluicegate::idempotency::{
    Claimant, Counts, Durable, Local, RunError, RunOutcome, Runner, Store, Waiting,
};

use crate::{
    durable::folder::Folder,
    support::{name, work},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_duplicates_over_four_clones_one_runs() {
    one_runs(Local::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_duplicates_on_disk_one_runs() {
    let folder = Folder::new();
    let store = Durable::open(folder.path()).await.unwrap();
    one_runs(store.clone()).await;
    assert_eq!(store.counts().records, 1);
    store.close().await;
}

async fn one_runs(store: impl Store) {
    let counts = Arc::new(Counts::default());
    let instance = || {
        let claimant = Claimant::new(store.clone()).observe(counts.clone());
        Runner::over(claimant).wait(Waiting::up_to(Duration::from_secs(60)))
    };
    let instances: [_; 4] = std::array::from_fn(|_| instance());
    let begun = Arc::new(AtomicU32::new(0));
    let duplicates = (0..1_000).map(|nth: usize| {
        let (runner, begun) = (instances[nth % 4].clone(), Arc::clone(&begun));
        tokio::spawn(async move {
            let work_to_do = move || async move {
                tokio::task::yield_now().await;
                Ok::<_, String>(begun.fetch_add(1, SeqCst) + nth as u32)
            };
            runner.run_once(name(), work(), work_to_do).await
        })
    });
    let ends: Vec<Result<RunOutcome<u32>, RunError<String>>> = join_all(duplicates)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let values: Vec<u32> = ends
        .into_iter()
        .map(|end| end.unwrap().into_inner())
        .collect();
    assert_eq!(begun.load(SeqCst), 1);
    assert!(values.iter().all(|value| *value == values[0]));
    let counts = counts.snapshot();
    assert_eq!(
        (counts.began, counts.completed, counts.replayed),
        (1, 1, 999)
    );
}
