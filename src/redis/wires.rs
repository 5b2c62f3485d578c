//! The connections of a node.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::wire::Wire;
use crate::runtime::{Idle, PerRuntime, Pulse};

/// The connections of a node: each runtime has its own, because what reads and
/// writes a connection is a task of the runtime that made it.
#[derive(Default)]
pub(super) struct Wires(PerRuntime<Place>);

/// A runtime's, if it has one.
#[derive(Default)]
struct Place(Option<Live>);

/// A wire, which retires when its node gives it up.
struct Live {
    wire: Arc<Wire>,
    pulse: Pulse,
}

impl Wires {
    /// The one of this runtime.
    pub(super) fn here(&self) -> Option<Arc<Wire>> {
        let runtime = Handle::try_current().ok()?;
        let place = self.0.of(runtime.id());
        let live = place.0.as_ref().filter(|live| !live.pulse.has_ended())?;
        Some(Arc::clone(&live.wire))
    }

    /// Whether any runtime has one.
    pub(super) fn has_any(&self) -> bool {
        self.0.all().iter().any(|(_, place)| !place.is_idle())
    }

    /// This runtime has it from now on.
    pub(super) fn put(&self, runtime: &Handle, wire: Wire) {
        let live = Live {
            wire: Arc::new(wire),
            pulse: Pulse::of(runtime),
        };
        let replaced = self.0.of(runtime.id()).0.replace(live);
        // What it takes to close it is not done under the lock.
        drop(replaced);
    }

    /// Gives this one up, unless it has been replaced already.
    pub(super) fn give_up(&self, serial: u64) {
        let given_up = {
            let mut all = self.0.all();
            let is_it = |live: &mut Live| live.wire.serial == serial;
            all.iter_mut().find_map(|(_, place)| place.0.take_if(is_it))
        };
        drop(given_up);
    }
}

impl Idle for Place {
    fn is_idle(&self) -> bool {
        self.0.as_ref().is_none_or(|live| live.pulse.has_ended())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.wire.retire();
    }
}
