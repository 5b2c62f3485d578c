//! Calls of `lua/red.lua`.

use std::sync::LazyLock;

use ::redis::{Cmd, Value};

use super::{
    reply::{ScriptReply, fields},
    resolution::Resolution,
};
use crate::{
    clock::Tick,
    key::EncodedKey,
    redis::{Connection, Error, Lane, Script},
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../lua/prelude.lua"),
        include_str!("../../../lua/red.lua"),
    ))
});

/// What it takes to ask.
#[derive(Clone, Debug)]
pub(crate) struct FleetClient {
    connection: Connection,
    /// The key that all others begin with.
    fleet: String,
}

impl FleetClient {
    pub(crate) fn new(name: &str, connection: &Connection) -> Self {
        let (prefix, name) = (connection.prefix(), EncodedKey::of(name));
        Self {
            connection: connection.on(Lane::Counts),
            fleet: format!("{prefix}:{{{name}}}:red"),
        }
    }

    /// A call that still lacks what follows the task. Without an instant it is the
    /// server's.
    pub(crate) fn call(&self, now: Option<Tick>, task: &str) -> Cmd {
        let now = now.map_or_else(String::new, |now| now.to_string());
        let mut call = SCRIPT.call(1);
        call.arg(&self.fleet).arg(now).arg(task);
        call
    }

    /// No request waits for it, so it may take longer than others.
    pub(crate) async fn run(&self, call: Cmd) -> Result<ScriptReply, Error> {
        let patience = self.connection.background_timeout();
        ScriptReply::read(self.connection.run_within(&SCRIPT, call, patience).await?)
    }

    pub(crate) async fn look(&self, now: Option<Tick>) -> Result<ScriptReply, Error> {
        self.run(self.call(now, "look")).await
    }

    pub(crate) async fn leave(&self, instance: &str) -> Result<ScriptReply, Error> {
        let mut call = self.call(None, "leave");
        call.arg(instance);
        self.run(call).await
    }

    /// All that a window holds. No script, for which the server would have to copy
    /// all of it twice.
    pub(crate) async fn read(
        &self,
        resolution: &Resolution,
        second: u64,
    ) -> Result<Vec<(Value, Value)>, Error> {
        let (fleet, resolution) = (&self.fleet, resolution.name);
        let mut call = ::redis::cmd("HGETALL");
        call.arg(format!("{fleet}:{resolution}:{second}"));
        let patience = self.connection.background_timeout();
        fields(self.connection.read_within(call, patience).await?)
    }
}
