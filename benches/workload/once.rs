//! Work that is done once in Redis, and what people write by hand for it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use redis::{Cmd, Value, aio::MultiplexedConnection};
use sluicegate::{
    idempotency::{Fingerprint, Name, Redis, RunError, Runner, Scope},
    redis::Connection,
};

use super::fleet::Side;

/// What is kept of the work.
fn answer() -> String {
    "x".repeat(1_024)
}

/// A name that nobody else has, at each call.
fn new_names() -> impl Fn() -> Name {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    || Scope::new("bench").name(NEXT.fetch_add(1, Relaxed).to_string())
}

/// One of a few names whose work is done.
fn done_name(step: usize) -> Name {
    Scope::new("bench-done").name((step % 100).to_string())
}

/// Each is asked for the first time.
pub(crate) fn first(connection: &Connection) -> Side {
    let (runner, name) = (Runner::new(Redis::new("once", connection)), new_names());
    Side::new(move |_| {
        let (runner, name) = (runner.clone(), name());
        Box::pin(async move { run(&runner, name).await })
    })
}

/// Each was asked for before, but the first few.
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

/// A flag that is set if it is not there, and then what came of the work: no
/// fingerprint, no fencing, and a flag that stays when its process dies.
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
    call.query_async(connection).await.expect("it answers")
}
