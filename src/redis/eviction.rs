//! Whether a server that runs full drops keys to make room. Limiters and stores of
//! idempotency records find out once, and warn.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use redis::{Cmd, Value};

use super::{connection::Connection, error::Error, script::Script};

/// The only policy with which a server that is full keeps what it has.
const SAFE: &str = "noeviction";

static SCRIPT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../lua/eviction.lua")));

/// The `maxmemory-policy` of a server.
pub(crate) struct Policy(Option<String>);

impl Policy {
    /// That of the node that has this key.
    #[cfg(feature = "idempotency")]
    pub(crate) async fn ask(connection: &Connection, key: &[u8]) -> Result<Self, Error> {
        Self::read(connection.run_once(&SCRIPT, call(key)).await?)
    }

    /// The same for who was not asked to find out: statistics do not show it.
    pub(crate) async fn ask_aside(connection: &Connection, key: &[u8]) -> Result<Self, Error> {
        Self::read(connection.run_aside(&SCRIPT, call(key)).await?)
    }

    fn read(reply: Value) -> Result<Self, Error> {
        let Value::BulkString(name) = reply else {
            return Err(Error::reply("not the name of a policy"));
        };
        let name = String::from_utf8_lossy(&name).into_owned();
        Ok(Self(Some(name).filter(|name| !name.is_empty())))
    }

    /// Its name; `None` where the user may not ask.
    #[cfg(feature = "idempotency")]
    pub(crate) fn into_name(self) -> Option<String> {
        self.0
    }

    /// Its name, if it drops keys.
    pub(crate) fn unsafe_name(&self) -> Option<&str> {
        self.0.as_deref().filter(|name| *name != SAFE)
    }
}

fn call(key: &[u8]) -> Cmd {
    let mut call = SCRIPT.call(1);
    call.arg(key);
    call
}

/// Whether the policy is known, or somebody finds out.
#[derive(Debug, Default)]
pub(crate) struct Known(Arc<AtomicBool>);

/// The task to find out. Dropped before it is done, because there was no answer or
/// its runtime has ended, it is the next caller's.
#[derive(Debug)]
pub(crate) struct Task(Option<Arc<AtomicBool>>);

impl Known {
    /// The task, if nobody has it or has done it.
    pub(crate) fn begin(&self) -> Option<Task> {
        let is_new = !self.0.load(Relaxed) && !self.0.swap(true, Relaxed);
        is_new.then(|| Task(Some(Arc::clone(&self.0))))
    }
}

impl Task {
    pub(crate) fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(known) = &self.0 {
            known.store(false, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_was_not_done_is_the_next_callers() {
        let known = Known::default();
        let task = known.begin();
        assert!(task.is_some() && known.begin().is_none());
        drop(task);
        known.begin().expect("it was not done").done();
        assert!(known.begin().is_none());
    }
}
