//! Work that is done once, without HTTP.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use sluicegate::{
    deadline::{self, Deadline},
    idempotency::{
        Claimant, Fingerprint, Local, OnError, RunError, RunOutcome, Runner, Scope, Snapshot,
        Store, StoreError, Takeover, Waiting,
    },
};
use tokio::time::{Instant, sleep};

use crate::support::{LEASE, Mood, Moody, claimant, is_settled, name, work};

type Result<T> = std::result::Result<RunOutcome<T>, RunError<String>>;

const SECOND: Duration = Duration::from_secs(1);

/// Work that takes this long, and counts how often it has begun.
#[derive(Clone, Default)]
struct Work {
    begun: Arc<AtomicU32>,
    takes: Duration,
}

impl Work {
    fn taking(takes: Duration) -> Self {
        Self {
            takes,
            ..Self::default()
        }
    }

    fn begun(&self) -> u32 {
        self.begun.load(SeqCst)
    }

    /// Work that returns how often it has begun.
    async fn done(self) -> std::result::Result<u32, String> {
        let nth = self.begun.fetch_add(1, SeqCst) + 1;
        sleep(self.takes).await;
        Ok(nth)
    }
}

async fn run<S: Store>(runner: &Runner<S>, work_to_do: &Work) -> Result<u32> {
    let work_to_do = work_to_do.clone();
    runner.run_once(name(), work(), || work_to_do.done()).await
}

fn runner() -> (Runner<Moody>, Moody, impl Fn() -> Snapshot) {
    let (claimant, store, counts) = claimant();
    (Runner::over(claimant), store, move || counts.snapshot())
}

#[tokio::test(start_paused = true)]
async fn the_second_gets_the_value_of_the_first() {
    let (runner, _store, counts) = runner();
    let work = Work::default();
    assert!(matches!(run(&runner, &work).await, Ok(RunOutcome::Ran(1))));
    let again = run(&runner.clone(), &work).await;
    assert!(matches!(again, Ok(RunOutcome::Replayed(1))));
    assert_eq!(work.begun(), 1);
    assert_eq!((counts().completed, counts().replayed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn work_outlives_its_caller() {
    let (runner, _store, _counts) = runner();
    let work = Work::taking(60 * SECOND);
    let asked = tokio::time::timeout(SECOND, run(&runner, &work));
    assert!(asked.await.is_err());
    assert_eq!(runner.tracker().running(), 1);
    assert_eq!(runner.tracker().drain(SECOND).await, 1, "it takes longer");
    assert_eq!(runner.tracker().drain(90 * SECOND).await, 0);
    assert!(matches!(
        run(&runner, &work).await,
        Ok(RunOutcome::Replayed(1))
    ));
}

#[tokio::test(start_paused = true)]
async fn other_work_under_the_same_name_is_refused() {
    let (runner, _store, counts) = runner();
    assert!(run(&runner, &Work::default()).await.is_ok());
    let other = Fingerprint::of("other work");
    let refused: Result<u32> = runner.run_once(name(), other, pending).await;
    assert!(matches!(refused, Err(RunError::Mismatch)));
    assert_eq!(counts().mismatched, 1);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_refused_or_waits_as_it_was_set() {
    let (runner, _store, counts) = runner();
    let work = Work::taking(10 * SECOND);
    let patient = runner.clone().wait(Waiting::up_to(60 * SECOND));
    let begun = Instant::now();
    let (first, refused, waited) = tokio::join!(
        run(&runner, &work),
        run(&runner, &work),
        run(&patient, &work)
    );
    assert!(matches!(first, Ok(RunOutcome::Ran(1))));
    assert!(matches!(refused, Err(RunError::Running { left }) if left == LEASE));
    assert!(matches!(waited, Ok(RunOutcome::Replayed(1))));
    // A store that cannot notify is asked ten times a second.
    assert!(
        begun.elapsed() <= 10 * SECOND + SECOND / 9,
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        (counts().running, counts().waited, counts().began),
        (1, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_notifies_ends_the_wait_at_once() {
    let patient = Runner::new(Local::new()).wait(Waiting::up_to(60 * SECOND));
    let work = Work::taking(10 * SECOND);
    let begun = Instant::now();
    let (first, waited) = tokio::join!(run(&patient, &work), run(&patient, &work));
    assert!(matches!(
        (first, waited),
        (Ok(RunOutcome::Ran(1)), Ok(RunOutcome::Replayed(1)))
    ));
    assert!(begun.elapsed() <= 10 * SECOND + Duration::from_millis(2));
}

#[tokio::test(start_paused = true)]
async fn waiters_are_bounded_in_time_and_number() {
    let (runner, _store, counts) = runner();
    let work = Work::taking(60 * SECOND);
    let waiting = Waiting::up_to(5 * SECOND).max_waiters(1);
    let patient = runner.clone().wait(waiting);
    drop(run(&runner, &work).now_or_never());
    tokio::task::yield_now().await;

    let begun = Instant::now();
    let refused = || async {
        let refused = run(&patient, &work).await;
        assert!(matches!(refused, Err(RunError::Running { .. })));
        begun.elapsed()
    };
    let (one, other) = tokio::join!(refused(), refused());
    assert_eq!(one.min(other), Duration::ZERO, "there is one seat");
    assert!((5 * SECOND..6 * SECOND).contains(&one.max(other)));

    let begun = Instant::now();
    let hurried = deadline::scope(Deadline::after(SECOND), run(&patient, &work)).await;
    assert!(matches!(hurried, Err(RunError::Running { .. })));
    assert!((SECOND..2 * SECOND).contains(&begun.elapsed()));
    assert_eq!((counts().running, counts().waited), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_takes_over_from_a_holder_that_is_gone() {
    let (runner, _store, _counts) = runner();
    let patient = runner.clone().wait(Waiting::up_to(60 * SECOND));
    let panicked: Result<u32> = runner
        .run_once(name(), work(), || async { panic!("on purpose") })
        .await;
    assert!(matches!(panicked, Err(RunError::Panicked { .. })));
    let begun = Instant::now();
    let recovered: Result<bool> = patient
        .run_leased(
            name(),
            work(),
            |lease| async move { Ok(lease.is_recovered()) },
        )
        .await;
    assert!(matches!(recovered, Ok(RunOutcome::Ran(true))));
    assert!((LEASE..LEASE + SECOND).contains(&begun.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_told_with_its_text_and_time() {
    let (runner, _store, _counts) = runner();
    for number in [None, Some(17)] {
        let panicked: Result<u32> = runner
            .run_once(
                Scope::new("panics").name(format!("{number:?}")),
                work(),
                move || async move {
                    sleep(3 * SECOND).await;
                    match number {
                        None => panic!("no number"),
                        Some(number) => panic!("bad number {number}"),
                    }
                },
            )
            .await;
        let Err(RunError::Panicked { message, after, at }) = panicked else {
            panic!("{panicked:?}")
        };
        assert_eq!(
            message,
            number.map_or("no number".into(), |it| format!("bad number {it}"))
        );
        assert!(after >= 3 * SECOND && at.elapsed().is_ok());
    }
}

#[test]
fn a_runtime_that_is_shut_down_is_not_a_panic() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let (first, second) = (runtime(), runtime());
    let (runner, _store, _counts) = runner();
    let (sender, begun) = std::sync::mpsc::channel();
    let mut run = Box::pin(runner.run_once(name(), work(), move || async move {
        sender.send(()).unwrap();
        pending::<std::result::Result<u32, String>>().await
    }));
    let inside = first.enter();
    assert!(run.as_mut().now_or_never().is_none());
    drop(inside);
    begun.recv().unwrap();
    first.shutdown_background();
    let ended = second.block_on(run);
    assert!(matches!(ended, Err(RunError::ShutDown)), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_leaves_it_unknown_how_the_work_ended() {
    let (claimant, _store, counts) = claimant();
    let runner = Runner::over(claimant.takeover(Takeover::Refuse));
    let panicked: Result<u32> = runner
        .run_once(name(), work(), || async { panic!("on purpose") })
        .await;
    assert!(matches!(panicked, Err(RunError::Panicked { .. })));
    let work = Work::default();
    assert!(matches!(
        run(&runner, &work).await,
        Err(RunError::Running { .. })
    ));
    sleep(LEASE).await;
    assert!(matches!(run(&runner, &work).await, Err(RunError::Unknown)));
    assert_eq!(work.begun(), 0);
    let counts = counts.snapshot();
    assert_eq!((counts.abandoned, counts.unknown), (1, 1));
    assert!(is_settled(counts));
}

#[tokio::test(start_paused = true)]
async fn an_error_is_released_or_lapses_as_it_was_set() {
    let (runner, _store, counts) = runner();
    let failed: Result<u32> = runner
        .run_once(name(), work(), || async { Err("no".into()) })
        .await;
    assert!(matches!(failed, Err(RunError::Failed(why)) if why == "no"));
    assert_eq!(counts().released, 1);

    let lapsing = runner.clone().on_error(OnError::Lapse);
    let failed: Result<u32> = lapsing
        .run_once(name(), work(), || async { Err("no".into()) })
        .await;
    assert!(matches!(failed, Err(RunError::Failed(_))));
    assert!(matches!(
        run(&runner, &Work::default()).await,
        Err(RunError::Running { .. })
    ));
    assert_eq!(counts().abandoned, 1);
    assert!(is_settled(counts()));
}

#[tokio::test(start_paused = true)]
async fn work_runs_under_the_deadline_of_its_caller() {
    let (runner, _store, _counts) = runner();
    let deadline = Deadline::after(SECOND);
    let run = runner.run_once(name(), work(), || async {
        Ok::<_, String>(deadline::current().map(|deadline| deadline.remaining()))
    });
    let seen = deadline::scope(deadline, run).await;
    assert!(matches!(seen, Ok(RunOutcome::Ran(Some(SECOND)))));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_lets_nothing_run() {
    let (runner, store, counts) = runner();
    let work = Work::default();
    store.fail(2, Mood::Away);
    let failed = run(&runner, &work).await;
    assert!(matches!(
        failed,
        Err(RunError::Store(StoreError::Unavailable(_)))
    ));
    assert_eq!((work.begun(), counts().began), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn work_whose_store_went_away_is_done_and_kept_later() {
    let (runner, store, _counts) = runner();
    let gone = store.clone();
    let ran: Result<u32> = runner
        .run_once(name(), work(), move || async move {
            gone.fail(2, Mood::Away);
            Ok(1)
        })
        .await;
    assert!(matches!(ran, Ok(RunOutcome::Unsaved(1))));
    assert_eq!(runner.tracker().drain(LEASE).await, 0);
    assert!(matches!(
        run(&runner, &Work::default()).await,
        Ok(RunOutcome::Replayed(1))
    ));
}

#[tokio::test(start_paused = true)]
async fn without_room_for_the_value_the_store_knows_that_the_work_was_done() {
    let (runner, store, _counts) = runner();
    let full = store.clone();
    let ran: Result<String> = runner
        .run_once(name(), work(), move || async move {
            full.fail(2, Mood::FullAbove(50));
            Ok("x".repeat(100))
        })
        .await;
    assert!(matches!(ran, Ok(RunOutcome::Ran(_))));
    let again: Result<String> = runner.run_once(name(), work(), pending).await;
    assert!(matches!(again, Err(RunError::Omitted)));
}

#[tokio::test(start_paused = true)]
async fn after_a_takeover_the_value_of_the_new_holder_counts() {
    let store = Moody::new();
    let runner = Runner::over(Claimant::new(store.clone()).lease(LEASE));
    let other = runner.clone();
    let slow: Result<u32> = runner
        .run_leased(name(), work(), |lease| async move {
            // Time passes without a renewal.
            tokio::time::advance(LEASE).now_or_never();
            let taken = run(&other, &Work::default()).await;
            assert!(matches!(taken, Ok(RunOutcome::Ran(1))));
            lease.lost().await;
            Ok(2)
        })
        .await;
    assert!(matches!(slow, Err(RunError::Lost)));
    assert!(matches!(
        run(&runner, &Work::default()).await,
        Ok(RunOutcome::Replayed(1))
    ));
}

/// A new version of a consumer may have another field.
#[tokio::test(start_paused = true)]
async fn a_value_is_read_by_the_next_version_or_refused() {
    #[derive(Serialize, Deserialize)]
    struct Old {
        id: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    }
    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    struct New {
        #[serde(default)]
        total: u64,
        note: Option<String>,
        id: u32,
    }
    let (runner, _store, _counts) = runner();
    let old: Result<Old> = runner
        .run_once(name(), work(), || async { Ok(Old { id: 17, note: None }) })
        .await;
    assert!(old.is_ok());
    let new: Result<New> = runner.run_once(name(), work(), pending).await;
    let expected = New {
        total: 0,
        note: None,
        id: 17,
    };
    assert_eq!(new.unwrap().into_inner(), expected);
    let other: Result<Vec<u32>> = runner.run_once(name(), work(), pending).await;
    assert!(matches!(other, Err(RunError::Unreadable(_))));
}
