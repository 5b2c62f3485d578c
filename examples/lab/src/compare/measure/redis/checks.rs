//! Checks of a limiter in Redis, by several callers at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sluicegate::{
    limit::{FailClosed, Redis, Scripted},
    redis::Error,
};
use tokio::task::JoinSet;

use super::server::Server;
use crate::compare::measure::by_rule::ByRule;

/// Callers that each make one check after the other, on one key after the other.
pub(super) struct Checks<'a> {
    pub(super) server: &'a Server,
    pub(super) name: &'a str,
    pub(super) keys: u64,
    pub(super) callers: u64,
    /// The checks of each caller.
    pub(super) each: u64,
}

impl ByRule for Checks<'_> {
    /// The time of each check.
    type Output = Result<Vec<Duration>, Error>;

    fn call<R: Scripted<State: Sync>>(self, rule: R) -> Self::Output {
        let limiter = Redis::builder(self.name, rule, &self.server.connection)
            .remember_denials(0)
            .build(FailClosed);
        let limiter = Arc::new(limiter);
        let (keys, each) = (self.keys, self.each);
        self.server.runtime.block_on(async {
            let mut callers = JoinSet::new();
            for caller in 0..self.callers {
                callers.spawn(checks(limiter.clone(), caller * each, each, keys));
            }
            let times = callers.join_all().await.into_iter();
            Ok(times.collect::<Result<Vec<_>, _>>()?.concat())
        })
    }
}

async fn checks<R: Scripted<State: Sync>>(
    limiter: Arc<Redis<R, FailClosed>>,
    first: u64,
    count: u64,
    keys: u64,
) -> Result<Vec<Duration>, Error> {
    let mut times = Vec::with_capacity(count as usize);
    for step in first..first + count {
        let key = format!("user-{:04}", step % keys);
        let begun = Instant::now();
        limiter.check(key.as_str(), 1).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}
