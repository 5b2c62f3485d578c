//! The connections of a node to its server, one for each runtime.
//!
//! A connection is driven by a task of the runtime that made it. If several
//! runtimes shared one, a blocked runtime would stop the calls of all others.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::connection::Wire;
use crate::runtime::{Idle, PerRuntime, Pulse};

/// The connections of a node. Each runtime has its own, because a task of the
/// runtime that made a connection reads and writes it.
#[derive(Default)]
pub(crate) struct RuntimeWires(PerRuntime<RuntimeWire>);

/// The connection of one runtime, if it has one.
#[derive(Default)]
struct RuntimeWire(Option<LiveWire>);

/// A connection that retires when its node drops it.
struct LiveWire {
    /// The connection, which calls under way share.
    wire: Arc<Wire>,
    /// Whether the runtime still runs.
    pulse: Pulse,
}

impl RuntimeWires {
    /// Returns the connection of the current runtime.
    pub(crate) fn current(&self) -> Option<Arc<Wire>> {
        let runtime = Handle::try_current().ok()?;
        let own = self.0.of(runtime.id());
        let live = own.0.as_ref().filter(|live| !live.pulse.has_ended())?;
        Some(Arc::clone(&live.wire))
    }

    /// Whether any runtime has a connection.
    pub(crate) fn has_any(&self) -> bool {
        self.0.all().iter().any(|(_, own)| !own.is_idle())
    }

    /// Replaces the connection of this runtime.
    pub(crate) fn insert(&self, runtime: &Handle, wire: Wire) {
        let live = LiveWire {
            wire: Arc::new(wire),
            pulse: Pulse::of(runtime),
        };
        let replaced = self.0.of(runtime.id()).0.replace(live);
        // Closed only now, when the lock is free again.
        drop(replaced);
    }

    /// Drops this connection, unless it was replaced already.
    ///
    /// The serial tells it from a newer one, because the news of a lost
    /// connection may come late.
    pub(crate) fn retire(&self, serial: u64) {
        let retired = {
            let mut all = self.0.all();
            let is_it = |live: &mut LiveWire| live.wire.serial == serial;
            all.iter_mut().find_map(|(_, own)| own.0.take_if(is_it))
        };
        drop(retired);
    }
}

impl Idle for RuntimeWire {
    fn is_idle(&self) -> bool {
        self.0.as_ref().is_none_or(|live| live.pulse.has_ended())
    }
}

impl Drop for LiveWire {
    fn drop(&mut self) {
        self.wire.retire();
    }
}
