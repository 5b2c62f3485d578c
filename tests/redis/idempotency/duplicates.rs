//! A thousand duplicates at once, over four instances.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use sluicegate::idempotency::{Claimant, Counts, Fingerprint, Redis, RunError, Runner, Waiting};

use super::{gate, name, store};
use crate::{connection::until, server::Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_duplicates_over_four_instances_one_runs() {
    let server = Server::start();
    let counts = Arc::new(Counts::default());
    let mut instances: Vec<Runner<Redis>> = Vec::new();
    for _ in 0..4 {
        let (store, _connection) = store(server.url()).await;
        let claimant = Claimant::new(store).observe(counts.clone());
        instances.push(Runner::over(claimant).wait(Waiting::up_to(Duration::from_secs(60))));
    }
    let begun = Arc::new(AtomicU32::new(0));
    let (end, ended) = gate();
    let ended = Arc::new(tokio::sync::Mutex::new(Some(ended)));
    let duplicates = (0..1_000).map(|nth: usize| {
        let (runner, begun) = (instances[nth % 4].clone(), Arc::clone(&begun));
        let ended = Arc::clone(&ended);
        tokio::spawn(async move {
            let work = move || async move {
                let value = begun.fetch_add(1, SeqCst) + nth as u32;
                // A second one would find no end to wait for.
                ended.lock().await.take().expect("it runs once").await;
                Ok::<_, String>(value)
            };
            runner
                .run_once(name("k"), Fingerprint::of("work"), work)
                .await
        })
    });
    let duplicates: Vec<_> = duplicates.collect();
    let most_wait = || async { claims(&server).await >= 1_000 };
    until("half of them have claimed, or more", most_wait).await;
    end.send(()).unwrap();
    let ends = join_all(duplicates).await.into_iter().map(Result::unwrap);
    let values: Vec<u32> = ends
        .map(|end: Result<_, RunError<String>>| end.unwrap().into_inner())
        .collect();
    assert_eq!(begun.load(SeqCst), 1);
    assert_eq!(values.len(), 1_000);
    assert!(values.iter().all(|value| *value == values[0]));
    let counts = counts.snapshot();
    let ended = (counts.began, counts.completed, counts.replayed);
    assert_eq!(ended, (1, 1, 999));
    assert!(counts.waited > 0, "none came before the end");
}

/// Returns how many scripts the server ran.
async fn claims(server: &Server) -> u64 {
    let info: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut server.client())
        .unwrap();
    let calls = info.split("cmdstat_evalsha:calls=").nth(1);
    calls.map_or(0, |calls| calls.split(',').next().unwrap().parse().unwrap())
}
