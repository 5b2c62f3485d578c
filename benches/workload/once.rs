//! Work that runs once by a record in Redis, and the usual solution by hand.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use redis::{Cmd, Value, aio::MultiplexedConnection};
use sluicegate::{
    idempotency::{Fingerprint, Name, Redis, RunError, Runner, Scope},
    redis::Connection,
};

use super::fleet::Side;

/// The record of the work.
fn answer() -> String {
    "x".repeat(1_024)
}

/// Returns a new name at each call.
fn new_names() -> impl Fn() -> Name {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    || Scope::new("bench").name(NEXT.fetch_add(1, Relaxed).to_string())
}

/// Returns one of a few names with completed work.
fn done_name(step: usize) -> Name {
    Scope::new("bench-done").name((step % 100).to_string())
}

/// Runs new work in each call.
pub(crate) fn first(connection: &Connection) -> Side {
    let (runner, name) = (Runner::new(Redis::new("once", connection)), new_names());
    Side::new(move |_| {
        let (runner, name) = (runner.clone(), name());
        Box::pin(async move { run(&runner, name).await })
    })
}

/// Replays completed work in each call but the first few.
pub(crate) fn replay(connection: &Connection) -> Side {
    let runner = Runner::new(Redis::new("once", connection));
    Side::new(move |step| {
        let runner = runner.clone();
        Box::pin(async move { run(&runner, done_name(step)).await })
    })
}

async fn run(runner: &Runner<Redis>, name: Name) {
    let work = || async { Ok::<_, String>(answer()) };
    let ended = runner.run_once(name, Fingerprint::of("work"), work).await;
    let running = matches!(ended, Err(RunError::Running { .. }));
    assert!(ended.is_ok() || running, "{ended:?}");
}

/// Sets a flag if it is missing, and then stores the result: without a fingerprint and
/// fencing, and with a flag that stays if its process dies.
pub(crate) fn first_by_hand(connection: &MultiplexedConnection) -> Side {
    let (connection, name) = (connection.clone(), new_names());
    Side::new(move |_| {
        let (mut connection, name) = (connection.clone(), name());
        Box::pin(async move {
            let mut flag = set(name, "running");
            let _: Value = ask(flag.arg("NX"), &mut connection).await;
            let _: Value = ask(&set(name, &answer()), &mut connection).await;
        })
    })
}

pub(crate) fn replay_by_hand(connection: &MultiplexedConnection) -> Side {
    let connection = connection.clone();
    Side::new(move |step| {
        let mut connection = connection.clone();
        let name = done_name(step);
        Box::pin(async move {
            let known: Option<String> =
                ask(redis::cmd("GET").arg(key(name)), &mut connection).await;
            if known.is_none() {
                let _: Value = ask(&set(name, &answer()), &mut connection).await;
            }
        })
    })
}

fn key(name: Name) -> String {
    format!("by-hand:{name}")
}

fn set(name: Name, value: &str) -> Cmd {
    let mut set = redis::cmd("SET");
    set.arg(key(name)).arg(value).arg("PX").arg(86_400_000);
    set
}

async fn ask<T: redis::FromRedisValue>(call: &Cmd, connection: &mut MultiplexedConnection) -> T {
    call.query_async(connection)
        .await
        .expect("the server replies")
}
