//! Counts the instances of the fleet, and learns which server it talks to.
//!
//! An instance tells every 5 seconds that it is there. The number of instances
//! is what a local share is computed by in an outage, so it is known before.

use std::{
    sync::{
        Arc, LazyLock, Weak,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use ::redis::Value;
use tokio::time::sleep;

use super::shared::LeaseContext;
use crate::{
    clock::{Clock, Tick, ticks},
    key::EncodedKey,
    redis::{Connection, Error, Script},
    runtime::background,
    sync::{Mutex, lock},
};

/// The time between two calls.
const EVERY: Duration = Duration::from_secs(5);

/// For how long an instance counts after a call.
const LIFE: Duration = Duration::from_secs(15);

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../lua/clock.lua"),
        include_str!("../../../lua/prelude.lua"),
        include_str!("../../../lua/instances.lua"),
    ))
});

/// The instances of the fleet, and the server.
#[derive(Debug)]
pub(super) struct KnownInstances {
    key: String,
    /// How many instances there are; 0 if it is not known.
    instances: AtomicU32,
    /// The least number that is assumed, as the user has set it.
    at_least: u32,
    server: Mutex<KnownServer>,
}

/// The run id of the server. A new one counts only after a lease, so that calls
/// still tell the old one as long as leases from before may be in use.
#[derive(Debug, Default)]
struct KnownServer {
    run_id: String,
    /// A new one, and since when it is known.
    next: Option<(String, Tick)>,
}

impl KnownInstances {
    pub(super) fn new(name: &str, connection: &Connection, at_least: u32) -> Self {
        let (prefix, name) = (connection.prefix(), EncodedKey::of(name));
        Self {
            key: format!("{prefix}:{{{name}}}:instances"),
            instances: AtomicU32::new(0),
            at_least,
            server: Mutex::default(),
        }
    }

    /// Returns the number of instances; 0 if it is not known.
    pub(super) fn instances(&self) -> u32 {
        self.instances.load(Relaxed).max(self.at_least)
    }

    /// Returns the run id of the server; empty if it is not known.
    pub(super) fn run_id(&self) -> String {
        lock(&self.server).run_id.clone()
    }

    fn learn(&self, instances: u32, run_id: String, now: Tick, length: Tick) {
        self.instances.store(instances, Relaxed);
        lock(&self.server).learn(run_id, now, length);
    }
}

impl KnownServer {
    fn learn(&mut self, run_id: String, now: Tick, length: Tick) {
        if self.run_id.is_empty() || self.run_id == run_id {
            (self.run_id, self.next) = (run_id, None);
            return;
        }
        match &self.next {
            Some((next, since)) if *next == run_id => {
                if now.saturating_sub(*since) > length {
                    (self.run_id, self.next) = (run_id, None);
                }
            }
            _ => self.next = Some((run_id, now)),
        }
    }
}

/// Starts to tell that this instance is there, for as long as it is.
pub(super) fn announce(shared: &Arc<LeaseContext>) {
    background().spawn(keep_announcing(Arc::downgrade(shared)));
}

async fn keep_announcing(shared: Weak<LeaseContext>) {
    loop {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        // A failure shows in the calls about permits, too.
        let _ = tell(&shared, "here").await;
        drop(shared);
        sleep(EVERY).await;
    }
}

/// Tells that this instance ends, so that others count one less.
pub(super) async fn leave(shared: &LeaseContext) {
    let _ = tell(shared, "gone").await;
}

async fn tell(shared: &LeaseContext, what: &str) -> Result<(), Error> {
    let outbox = &shared.outbox;
    let mut call = SCRIPT.call_at([&outbox.fleet.key].into_iter(), None);
    call.arg(&outbox.caller.id).arg(ticks(LIFE)).arg(what);
    let reply = outbox.connection.run(&SCRIPT, call).await?;
    let (instances, run_id) = read(&reply).ok_or_else(|| Error::reply("a number of instances"))?;
    let length = outbox.caller.length;
    let now = shared.clock.now();
    outbox.fleet.learn(instances, run_id, now, length);
    Ok(())
}

/// Reads the number of instances and the run id.
fn read(reply: &Value) -> Option<(u32, String)> {
    let Value::Array(values) = reply else {
        return None;
    };
    let [Value::Int(instances), Value::BulkString(run_id)] = &values[..] else {
        return None;
    };
    let run_id = String::from_utf8_lossy(run_id).into_owned();
    Some((u32::try_from(*instances).ok()?, run_id))
}
