//! Calls of `lua/red.lua`, and reads of its windows. Shipping and reading use
//! it.

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

/// The script, after the prelude that all scripts share.
static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../lua/clock.lua"),
        include_str!("../../../lua/prelude.lua"),
        include_str!("../../../lua/red.lua"),
    ))
});

/// Calls the script for one fleet.
#[derive(Clone, Debug)]
pub(crate) struct FleetClient {
    /// On the lane of counts, so that limits do not wait for it.
    connection: Connection,
    /// The key that all other keys of the fleet begin with.
    fleet: String,
}

impl FleetClient {
    /// Returns a client for the fleet of this name, on the connection's prefix.
    pub(crate) fn new(name: &str, connection: &Connection) -> Self {
        let (prefix, name) = (connection.prefix(), EncodedKey::of(name));
        Self {
            connection: connection.on(Lane::Counts),
            fleet: format!("{prefix}:{{{name}}}:red"),
        }
    }

    /// Returns a call of a task, without its arguments. Without an instant the
    /// script uses the server's time.
    pub(crate) fn call(&self, now: Option<Tick>, task: &str) -> Cmd {
        let mut call = SCRIPT.call_at([&self.fleet].into_iter(), now);
        call.arg(task);
        call
    }

    /// Sends a call. It may take longer than others, because no request waits
    /// for it.
    pub(crate) async fn run(&self, call: Cmd) -> Result<ScriptReply, Error> {
        let patience = self.connection.background_timeout();
        ScriptReply::read(self.connection.run_within(&SCRIPT, call, patience).await?)
    }

    /// Returns the server's time and the instances that are alive.
    pub(crate) async fn look(&self, now: Option<Tick>) -> Result<ScriptReply, Error> {
        self.run(self.call(now, "look")).await
    }

    /// Removes an instance from those that are alive.
    pub(crate) async fn leave(&self, instance: &str) -> Result<ScriptReply, Error> {
        let mut call = self.call(None, "leave");
        call.arg(instance);
        self.run(call).await
    }

    /// Reads everything in a window. This is not a script, because the server
    /// would have to copy the reply twice for that.
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
