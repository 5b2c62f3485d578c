//! Work that is not a request.

use std::{future::pending, sync::Arc};

use http::{Request, Response, StatusCode};
use sluicegate::{
    deadline::{self, CancelCause},
    drain::{Aborted, Counts, Drain, DrainGuard, Stage},
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use crate::support::{ask, behind, drain, get, ms, text, whole};

#[tokio::test(start_paused = true)]
async fn a_spawned_task_is_waited_for_under_the_name_of_its_request() {
    let drain = drain();
    let service = behind(&drain.layer(), |_| async {
        let guard = DrainGuard::current().unwrap();
        guard.spawn(sleep(ms(400)));
        Response::new(whole("accepted"))
    });
    let answer = ask(&service, get("/orders")).await;
    assert_eq!(text(answer).await.unwrap(), "accepted");
    assert_eq!(drain.in_flight(), 1);
    let begun = Instant::now();
    drain.begin();
    let report = drain.wait().await;
    assert_eq!(begun.elapsed(), ms(400));
    assert_eq!(report.by_name()["GET /orders (guard)"].finished, 1);
    assert!(
        DrainGuard::current().is_none(),
        "outside of requests there is none"
    );
}

#[tokio::test(start_paused = true)]
async fn each_clone_is_waited_for() {
    let drain = drain();
    let guard = drain.guard("consumer");
    let other = guard.clone();
    let waited = tokio::spawn({
        let drain = drain.clone();
        async move { drain.wait().await }
    });
    drain.begin();
    drop(guard);
    sleep(ms(200)).await;
    assert_eq!(drain.stage(), Stage::Draining);
    drop(other);
    assert_eq!(waited.await.unwrap().by_name()["consumer"].finished, 2);
}

#[tokio::test(start_paused = true)]
async fn guarded_work_is_told_and_then_dropped() {
    let drain = drain();
    let (told, is_told) = oneshot::channel();
    let task = drain.guard("stuck").spawn(async {
        let stop = deadline::cancellation();
        stop.cancelled().await;
        told.send((stop.cause(), Instant::now())).unwrap();
        pending::<()>().await;
    });
    tokio::task::yield_now().await;
    let begun = Instant::now();
    drain.begin();
    let report = drain.wait().await;
    let (cause, at) = is_told.await.unwrap();
    assert_eq!((cause, at - begun), (Some(CancelCause::Drain), ms(800)));
    assert_eq!(task.await.unwrap(), Err(Aborted));
    assert_eq!(begun.elapsed(), ms(900));
    assert_eq!(report.by_name()["stuck"].aborted, 1);
}

#[tokio::test(start_paused = true)]
async fn held_work_outlasts_the_abort_and_is_named() {
    let drain = drain();
    let (done, is_done) = oneshot::channel();
    tokio::spawn(drain.guard("ledger").hold(async {
        sleep(ms(2_000)).await;
        done.send(()).unwrap();
    }));
    tokio::task::yield_now().await;
    let begun = Instant::now();
    drain.begin();
    let report = drain.wait().await;
    // Aborted, and then half of the closing.
    assert_eq!(begun.elapsed(), ms(950));
    assert_eq!(report.by_name()["ledger"].aborted, 1);
    is_done.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_without_a_guard_is_named() {
    let counts = Arc::new(Counts::default());
    let drain = Drain::builder().observe(counts.clone()).build();
    let upgrade = |req: Request<()>| async move {
        if req.uri().path() == "/guarded" {
            DrainGuard::current().unwrap().spawn(sleep(ms(1)));
        }
        let mut response = Response::new(whole(""));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response
    };
    let service = behind(&drain.layer(), upgrade);
    for path in ["/guarded", "/bare", "/bare"] {
        ask(&service, get(path)).await;
    }
    let connect = Request::connect("example:443").body(()).unwrap();
    let plain = behind(&drain.layer(), |_| async { Response::new(whole("")) });
    ask(&plain, connect).await;
    drain.begin();
    let report = drain.wait().await;
    assert_eq!(report.by_name()["GET /bare"].unguarded, 2);
    assert_eq!(report.total().unguarded, 3);
    assert_eq!(counts.snapshot().unguarded, 3);
    assert!(
        report
            .to_string()
            .contains("GET /bare: 2 upgraded without a guard")
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_the_work_and_restores_what_was_before() {
    let drain = drain();
    let task = drain.guard("buggy").spawn(async { panic!("on purpose") });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(drain.in_flight(), 0);
    assert!(DrainGuard::current().is_none());
}
