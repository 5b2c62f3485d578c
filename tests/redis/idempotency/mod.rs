//! `idempotency::Redis` as its users see it. Two connections are as good as two
//! processes: they share nothing here but the server.

mod calls;
mod chaos;
mod duplicates;
mod flushed;
mod large;
mod lost;
#[path = "../../idempotency/model.rs"]
mod model;
mod outage;
mod parity;
mod places;
mod records;
mod waiting;

use std::{future::Future, time::Duration};

use sluicegate::{
    idempotency::{ClaimRequest, Fingerprint, Name, Redis, Scope, Takeover, Token},
    redis::{Connection, Server as Place},
};

use crate::connection::builder;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn name(key: &str) -> Name {
    Scope::new("tests").name(key)
}

pub(crate) fn request() -> ClaimRequest {
    ClaimRequest {
        fingerprint: Fingerprint::of("work"),
        token: Token::random(),
        lease: MINUTE,
        keep: MINUTE,
        takeover: Takeover::Rerun,
    }
}

async fn store(place: impl Into<Place>) -> (Redis, Connection) {
    let connection = builder(place).connect().await.expect("it is up");
    (Redis::new("orders", &connection), connection)
}

/// Work that runs until the test ends it.
fn gate() -> (
    tokio::sync::oneshot::Sender<()>,
    impl Future<Output = ()> + Send,
) {
    let (end, ended) = tokio::sync::oneshot::channel();
    (end, async { ended.await.unwrap_or_default() })
}
