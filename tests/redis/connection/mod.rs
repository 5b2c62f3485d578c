//! The connection: what it does when servers misbehave.

mod config;
mod encrypted;
mod failover;
mod lanes;
mod mixed;
mod once;
mod outage;
mod rotation;
mod secrets;
mod slots;

use std::{future::Future, sync::LazyLock, time::Duration};

use sluicegate::redis::{Builder, Connection, Error, ErrorKind, Script, Server as Place};
use tokio::{task::yield_now, time::timeout};

static COUNT: LazyLock<Script> =
    LazyLock::new(|| Script::new("return { redis.call('INCR', KEYS[1]) }"));

/// Returns a builder with short probe intervals, and with a timeout that a busy
/// machine does not exceed.
pub(crate) fn builder(place: impl Into<Place>) -> Builder {
    Connection::builder(place)
        .timeout(Duration::from_secs(15))
        .breaker(3, Duration::from_millis(20))
}

/// Returns a builder with a short timeout.
pub(crate) fn hasty(place: impl Into<Place>) -> Builder {
    builder(place).timeout(Duration::from_secs(1))
}

/// A script that shows how often it ran.
async fn count(redis: &Connection, key: &str) -> Result<i64, Error> {
    count_by(&COUNT, redis, key).await
}

async fn count_by(script: &Script, redis: &Connection, key: &str) -> Result<i64, Error> {
    let mut call = script.call(1);
    call.arg(key);
    let reply = redis.run(script, call).await?;
    Ok(redis::from_redis_value::<(i64,)>(reply)
        .expect("INCR returns a number")
        .0)
}

/// Waits until the condition holds, or fails the test after a while.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let polling = async {
        while !holds().await {
            yield_now().await;
        }
    };
    let held = timeout(Duration::from_secs(20), polling).await;
    held.unwrap_or_else(|_| panic!("never: {what}"));
}

/// The outcomes of calls.
#[derive(Debug, Default)]
struct Tally {
    ok: i64,
    /// May have run.
    unsure: i64,
    /// Did not run.
    refused: i64,
}

impl Tally {
    fn add(&mut self, result: &Result<i64, Error>) {
        match result.as_ref().map_err(Error::kind) {
            Ok(_) => self.ok += 1,
            Err(ErrorKind::TimedOut | ErrorKind::Unreachable) => self.unsure += 1,
            Err(_) => self.refused += 1,
        }
    }

    /// Asserts that no call ran twice, and that all calls with a reply ran.
    fn explains(&self, counted: i64) {
        let possible = self.ok..=self.ok + self.unsure;
        assert!(possible.contains(&counted), "{counted} ran, but {self:?}");
    }
}
