//! Calls of the script of deadlines. The registry and its listener make them.
//!
//! A call gets the keys of whole chains, from the root down, because a deadline
//! ends with the first of its parents and is cancelled with any of them.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use ::redis::{Cmd, Value};

use super::reply::RegistryReply;
use crate::{
    deadline::registry::{
        id::{Id, root},
        remaining::Remaining,
    },
    key::EncodedKey,
    redis::{self, Connection, Lane, Script},
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../../lua/clock.lua"),
        include_str!("../../../../lua/prelude.lua"),
        include_str!("../../../../lua/deadline.lua"),
    ))
});

/// The script and the keys of one registry.
pub(crate) struct RegistryScript {
    pub(super) connection: Connection,
    /// The encoded name of the registry, as it is in keys and channels.
    name: String,
    /// How often a subscription began.
    pub(crate) subscribed: AtomicU64,
    /// How many deadlines were asked for again.
    pub(crate) rechecked: AtomicU64,
}

impl RegistryScript {
    pub(super) fn new(name: &str, connection: &Connection) -> Self {
        Self {
            connection: connection.on(Lane::Deadlines),
            name: EncodedKey::of(name).to_string(),
            subscribed: AtomicU64::new(0),
            rechecked: AtomicU64::new(0),
        }
    }

    /// Returns a call for the records of these paths, at the server's instant.
    pub(super) fn call<'a>(&self, paths: impl IntoIterator<Item = &'a str>, task: &str) -> Cmd {
        let keys: Vec<_> = paths.into_iter().map(|path| self.key(path)).collect();
        let mut call = SCRIPT.call_at(keys.iter(), None);
        call.arg(task);
        call
    }

    /// Returns the key of a record. A tree is in one slot of a cluster, because
    /// its root is in the braces.
    fn key(&self, path: &str) -> String {
        let (prefix, name) = (self.connection.prefix(), &self.name);
        let root = root(path);
        let below = &path[root.len()..];
        format!("{prefix}:{{{name}:{root}}}:deadline{below}")
    }

    /// Returns the channel of cancellations.
    pub(super) fn channel(&self) -> String {
        let (prefix, name) = (self.connection.prefix(), &self.name);
        format!("{prefix}:{name}:cancelled")
    }

    /// Makes a call about one deadline; returns the server's tick and the
    /// state.
    pub(super) async fn run_one(&self, call: Cmd) -> Result<(u64, Remaining), redis::Error> {
        let mut reply = self.run(call).await?;
        Ok((reply.now, reply.next()?))
    }

    /// Returns the states of deadlines, in their order.
    pub(super) async fn recheck(&self, ids: &[Id]) -> Result<Vec<Remaining>, redis::Error> {
        let mut call = self.call(ids.iter().flat_map(Id::chain), "remaining");
        for id in ids {
            call.arg(id.chain().count());
        }
        let mut reply = self.run(call).await?;
        self.rechecked.fetch_add(ids.len() as u64, Relaxed);
        ids.iter().map(|_| reply.next_readable()).collect()
    }

    /// Makes a call; returns the reply up to its first state.
    async fn run(&self, call: Cmd) -> Result<RegistryReply, redis::Error> {
        let reply: Value = self.connection.run(&SCRIPT, call).await?;
        RegistryReply::read(reply)
    }
}
