//! `limit::Redis` when Redis misbehaves: all are answered, by the policy if need
//! be, and by Redis again as soon as it can, without anything being started
//! anew; and nothing is charged twice.

mod accounts;
mod cluster;
mod failover;
mod load;
mod overload;
mod policies;
mod runtimes;
mod shared;

use std::time::Duration;

use sluicegate::{
    limit::{FailClosed, Quota, Redis, TokenBucket},
    redis::{Builder, Connection},
};

/// Buckets that no test empties, and of which nothing comes back while it runs.
const BUDGET: u64 = 1_000_000;

fn rule() -> TokenBucket {
    TokenBucket::new(Quota::per_hour(1).burst(BUDGET))
}

/// A limiter that asks even for what it knows to be denied.
async fn limiter(builder: Builder) -> (Connection, Redis<TokenBucket, FailClosed>) {
    let connection = builder.connect().await.expect("it is up");
    let limiter = Redis::builder("api", rule(), &connection);
    (connection, limiter.remember_denials(0).build(FailClosed))
}

/// A server that does not stop being asked.
fn stubborn(builder: Builder) -> Builder {
    builder.breaker(u32::MAX, Duration::from_secs(1))
}
