//! Calls `lua/idempotency.lua`.
//!
//! A call whose reply was lost is repeated once, because its token makes it
//! take effect once.

use std::{
    sync::{LazyLock, atomic::Ordering::Relaxed},
    time::Duration,
};

use ::redis::Cmd;

use super::{counts::Counters, store_reply::StoreReply};
use crate::{
    clock::{Clock, Manual},
    idempotency::{scope::Name, store::StoreError, token::Token},
    key,
    redis::{Connection, Error, ErrorKind, EvictionCheck, Lane, Script},
};

/// All tasks are one script, so that one digest has to be known.
static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../lua/clock.lua"),
        include_str!("../../../lua/prelude.lua"),
        include_str!("../../../lua/idempotency.lua"),
    ))
});

/// The client of one store's script.
pub(super) struct RecordClient {
    /// The connection for claims, renewals and small records.
    pub(super) connection: Connection,
    /// The connection for large records, on their own lane.
    large: Connection,
    /// The name of the store, as it stands in keys and channels.
    pub(super) name: String,
    /// Replaces the server's clock in tests and replays.
    clock: Option<Manual>,
    /// Counts what the handles show.
    pub(super) counters: Counters,
    /// Whether the server's eviction policy is known.
    pub(super) eviction: EvictionCheck,
}

impl RecordClient {
    /// Creates a client of the store with this name.
    pub(super) fn new(name: &str, connection: &Connection, clock: Option<Manual>) -> Self {
        Self {
            connection: connection.on(Lane::Records),
            large: connection.on(Lane::LargeRecords),
            name: key::EncodedKey::of(name).to_string(),
            clock,
            counters: Counters::default(),
            eviction: EvictionCheck::default(),
        }
    }

    /// Returns a call for a record, to which the caller appends the task's
    /// arguments.
    pub(super) fn command(&self, name: Name, task: &str) -> Cmd {
        let key = self.key(&name.to_string());
        let mut call = SCRIPT.call_at([key].iter(), self.clock.as_ref().map(Clock::now));
        call.arg(task);
        call
    }

    /// Returns a call that ends the work under this token. The script publishes
    /// the name on the channel if a caller waits for it.
    pub(super) fn final_command(&self, name: Name, token: Token, task: &str) -> Cmd {
        let mut call = self.command(name, task);
        call.arg(token.as_bytes().as_slice());
        call.arg(self.channel()).arg(name.as_bytes().as_slice());
        call
    }

    /// Returns the key of a record. The braces put all keys of one record into
    /// one slot of a cluster.
    pub(super) fn key(&self, name: &str) -> String {
        let (prefix, store) = (self.connection.prefix(), &self.name);
        format!("{prefix}:{{{store}:{name}}}:idempotency")
    }

    /// Returns the channel on which the ends of work are published: completed or
    /// released.
    pub(super) fn channel(&self) -> String {
        let (prefix, store) = (self.connection.prefix(), &self.name);
        format!("{prefix}:{store}:settled")
    }

    /// Makes a call, and repeats it once if the reply was lost. Its token makes
    /// it take effect once.
    pub(super) async fn run(&self, call: impl Fn() -> Cmd) -> Result<StoreReply, StoreError> {
        let within = self.connection.timeout();
        self.run_on(&self.connection, within, call).await
    }

    /// Makes a call with a large record, which may take this long.
    ///
    /// It has its own lane, so its breaker and its timeouts are apart.
    pub(super) async fn run_large(
        &self,
        within: Duration,
        call: impl Fn() -> Cmd,
    ) -> Result<StoreReply, StoreError> {
        self.run_on(&self.large, within, call).await
    }

    /// Makes a call on this connection, and repeats it once if it may have run.
    async fn run_on(
        &self,
        connection: &Connection,
        within: Duration,
        call: impl Fn() -> Cmd,
    ) -> Result<StoreReply, StoreError> {
        match run_once(connection, within, call()).await {
            Err(error) if may_have_run(&error) => {
                self.counters.repeated.fetch_add(1, Relaxed);
                Ok(run_once(connection, within, call()).await?)
            }
            reply => Ok(reply?),
        }
    }

    /// Returns whether the work has ended. If it runs, it is marked as awaited,
    /// which makes the script publish its end. After an error it may run, so
    /// this returns false.
    pub(super) async fn is_settled(&self, name: Name) -> bool {
        let call = self.command(name, "wait");
        let reply = run_once(&self.connection, self.connection.timeout(), call).await;
        reply.is_ok_and(|reply| reply.is_settled())
    }
}

/// Makes a call once.
async fn run_once(
    connection: &Connection,
    within: Duration,
    call: Cmd,
) -> Result<StoreReply, Error> {
    StoreReply::read(connection.run_within(&SCRIPT, call, within).await?)
}

/// Returns whether the call may have taken effect though its reply is lost.
fn may_have_run(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Unreachable)
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error.is_full() {
            true => Self::Full,
            false => Self::unavailable(error),
        }
    }
}
