//! Calls of `lua/idempotency.lua`.

use std::{
    sync::{LazyLock, atomic::Ordering::Relaxed},
    time::Duration,
};

use ::redis::Cmd;

use super::{counts::Counters, reply::Reply};
use crate::{
    clock::{Clock, Manual},
    idempotency::{scope::Name, store::StoreError, token::Token},
    key,
    redis::{Connection, Error, ErrorKind, EvictionCheck, Lane, Script},
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../lua/prelude.lua"),
        include_str!("../../../lua/idempotency.lua"),
    ))
});

/// What it takes to ask.
pub(super) struct Asker {
    pub(super) connection: Connection,
    /// The same for large records.
    large: Connection,
    /// As names have it: what is the store's in keys and channels.
    pub(super) name: String,
    clock: Option<Manual>,
    pub(super) counters: Counters,
    /// Whether it is known how the server evicts.
    pub(super) eviction: EvictionCheck,
}

impl Asker {
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

    /// A call for a record that still lacks what follows the task.
    pub(super) fn call(&self, name: Name, task: &str) -> Cmd {
        self.call_for(&name.to_string(), task)
    }

    /// The same for a call that ends the work under this token.
    pub(super) fn last_call(&self, name: Name, token: Token, task: &str) -> Cmd {
        let mut call = self.call(name, task);
        call.arg(token.as_bytes().as_slice());
        call.arg(self.channel()).arg(name.as_bytes().as_slice());
        call
    }

    pub(super) fn key(&self, name: &str) -> String {
        let (prefix, store) = (self.connection.prefix(), &self.name);
        format!("{prefix}:{{{store}:{name}}}:idempotency")
    }

    fn call_for(&self, name: &str, task: &str) -> Cmd {
        let mut call = SCRIPT.call(1);
        call.arg(self.key(name));
        match &self.clock {
            None => call.arg(""),
            Some(clock) => call.arg(clock.now()),
        };
        call.arg(task);
        call
    }

    /// Where the ends of work are told.
    pub(super) fn channel(&self) -> String {
        let (prefix, store) = (self.connection.prefix(), &self.name);
        format!("{prefix}:{store}:settled")
    }

    /// Asks, and once more if the answer was lost: by its token, it is done once.
    pub(super) async fn ask(&self, call: impl Fn() -> Cmd) -> Result<Reply, StoreError> {
        let within = self.connection.timeout();
        self.ask_on(&self.connection, within, call).await
    }

    /// The same for a call with a large record, which may take so long.
    pub(super) async fn ask_for_large(
        &self,
        within: Duration,
        call: impl Fn() -> Cmd,
    ) -> Result<Reply, StoreError> {
        self.ask_on(&self.large, within, call).await
    }

    async fn ask_on(
        &self,
        connection: &Connection,
        within: Duration,
        call: impl Fn() -> Cmd,
    ) -> Result<Reply, StoreError> {
        match run(connection, within, call()).await {
            Err(error) if may_have_run(&error) => {
                self.counters.repeated.fetch_add(1, Relaxed);
                Ok(run(connection, within, call()).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// Whether nobody is at it. Where that is not known, somebody may be.
    pub(super) async fn is_settled(&self, name: Name) -> bool {
        let call = self.call(name, "wait");
        let answer = run(&self.connection, self.connection.timeout(), call).await;
        answer.is_ok_and(|reply| reply.is_settled())
    }
}

async fn run(connection: &Connection, within: Duration, call: Cmd) -> Result<Reply, Error> {
    Reply::read(connection.run_within(&SCRIPT, call, within).await?)
}

fn may_have_run(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Unreachable)
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error.is_full() {
            true => Self::Full,
            false => Self::away(error),
        }
    }
}
