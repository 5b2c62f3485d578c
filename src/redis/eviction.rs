//! Whether a full server drops keys to make room. Limiters and stores of
//! idempotency records find out once, and warn.
//!
//! A server with another policy than `noeviction` may drop the state of a
//! limit, which then begins anew, or a record, whose work is then done again.
//! Neither is an error, so only the log can show it.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use redis::{Cmd, Value};

use super::{connection::Connection, error::Error, script::Script};

/// The only policy with which a full server keeps its keys.
const SAFE: &str = "noeviction";

/// Reads the policy by `INFO`, and is silent if the user may not.
static SCRIPT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../lua/eviction.lua")));

/// The `maxmemory-policy` of a server; `None` if the user has no right to ask.
pub(crate) struct EvictionPolicy(Option<String>);

impl EvictionPolicy {
    /// Asks the node that has this key.
    #[cfg(feature = "idempotency")]
    pub(crate) async fn ask(connection: &Connection, key: &[u8]) -> Result<Self, Error> {
        Self::read(connection.run_with_source(&SCRIPT, call(key)).await?)
    }

    /// Asks without showing in the statistics, because no caller wanted to
    /// know.
    pub(crate) async fn ask_uncounted(connection: &Connection, key: &[u8]) -> Result<Self, Error> {
        Self::read(connection.run_uncounted(&SCRIPT, call(key)).await?)
    }

    /// Reads the script's reply: a name, or an empty string.
    fn read(reply: Value) -> Result<Self, Error> {
        let name = match &reply {
            Value::Array(reply) => match &reply[..] {
                [Value::BulkString(name)] => Some(name),
                _ => None,
            },
            _ => None,
        };
        let name = name.ok_or_else(|| Error::reply("the name of an eviction policy"))?;
        let name = String::from_utf8_lossy(name).into_owned();
        Ok(Self(Some(name).filter(|name| !name.is_empty())))
    }

    /// Returns the name of the policy.
    #[cfg(feature = "idempotency")]
    pub(crate) fn into_name(self) -> Option<String> {
        self.0
    }

    /// Returns the name of the policy if it drops keys.
    pub(crate) fn unsafe_name(&self) -> Option<&str> {
        self.0.as_deref().filter(|name| *name != SAFE)
    }
}

/// Returns a call of the script at the node of this key.
fn call(key: &[u8]) -> Cmd {
    let mut call = SCRIPT.call(1);
    call.arg(key);
    call
}

/// Whether the policy is known, or a task is finding out.
#[derive(Debug, Default)]
pub(crate) struct EvictionCheck(Arc<AtomicBool>);

/// The duty to find out. If it is dropped before it is done, because no reply
/// came or its runtime ended, the next caller gets it.
#[derive(Debug)]
pub(crate) struct EvictionDuty(Option<Arc<AtomicBool>>);

impl EvictionCheck {
    /// Returns the duty, unless it is taken or done.
    ///
    /// It is called on each check, so it has to be cheap once the policy is
    /// known.
    pub(crate) fn begin(&self) -> Option<EvictionDuty> {
        // The load comes first, because it is cheaper to share than a swap.
        let is_new = !self.0.load(Relaxed) && !self.0.swap(true, Relaxed);
        is_new.then(|| EvictionDuty(Some(Arc::clone(&self.0))))
    }
}

impl EvictionDuty {
    /// Keeps the duty from the next caller.
    pub(crate) fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for EvictionDuty {
    fn drop(&mut self) {
        if let Some(known) = &self.0 {
            known.store(false, Relaxed);
        }
    }
}
