//! The number of calls to Redis.

use std::future::ready;

use sluicegate::idempotency::{
    Claim, Fingerprint, LeaseStatus, RunError, RunOutcome, Runner, Store,
};

use super::{MINUTE, name, request, store};
use crate::{connection::until, server::Server};

/// Returns how many scripts the server counts.
fn scripts(server: &Server) -> u64 {
    let info: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut server.client())
        .unwrap();
    let calls = |line: &str| -> u64 { line.split(',').next().unwrap().parse().unwrap() };
    let said = |command: &str| info.split(&format!("cmdstat_{command}:calls=")).nth(1);
    said("evalsha").map_or(0, calls) + said("eval").map_or(0, calls)
}

/// Returns a runner that has run before, so that the server knows the script and
/// the runner knows its eviction policy.
async fn warm(server: &Server) -> Runner<sluicegate::idempotency::Redis> {
    let (store, connection) = store(server.url()).await;
    let runner = Runner::new(store);
    assert!(matches!(run(&runner, "warm").await, Ok(RunOutcome::Ran(_))));
    // The first claim, which comes twice as the script is unknown, its completion,
    // and the policy.
    until("the policy is known", || {
        ready(connection.stats().calls == 3)
    })
    .await;
    until("all is answered", || ready(scripts(server) >= 4)).await;
    runner
}

async fn run(
    runner: &Runner<sluicegate::idempotency::Redis>,
    key: &str,
) -> Result<RunOutcome<u32>, RunError<String>> {
    let work = || async { Ok(17) };
    runner
        .run_once(name(key), Fingerprint::of("work"), work)
        .await
}

#[tokio::test]
async fn work_costs_two_calls_and_its_replay_one() {
    let server = Server::start();
    let runner = warm(&server).await;
    let before = scripts(&server);
    assert!(matches!(run(&runner, "k").await, Ok(RunOutcome::Ran(17))));
    assert_eq!(scripts(&server) - before, 2);
    for replay in 1..=3 {
        assert!(matches!(
            run(&runner, "k").await,
            Ok(RunOutcome::Replayed(17))
        ));
        assert_eq!(scripts(&server) - before, 2 + replay);
    }
}

#[tokio::test]
async fn without_waiters_nothing_is_published() {
    let server = Server::start();
    let (store, _connection) = store(server.url()).await;
    for key in ["one", "other"] {
        let request = request();
        assert_eq!(
            store.claim(name(key), request).await,
            Ok(Claim::Run { attempt: 1 })
        );
        let kept = store
            .complete(name(key), request.token, "done".into(), MINUTE)
            .await;
        assert_eq!(kept, Ok(LeaseStatus::Held));
    }
    let info: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut server.client())
        .unwrap();
    assert!(!info.contains("cmdstat_publish"), "{info}");
}
