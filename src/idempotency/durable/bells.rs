//! Those who wait for work to end.

use std::{collections::HashMap, mem};

use tokio::sync::oneshot;

use crate::idempotency::scope::Name;

/// Dropped, it has rung.
pub(super) type Bell = oneshot::Sender<()>;

/// Those who wait for work to end, in this process.
#[derive(Debug, Default)]
pub(super) struct Bells {
    hung: HashMap<Name, Vec<Bell>>,
    /// Those that ring as soon as what they tell of is saved.
    pulled: Vec<Bell>,
}

impl Bells {
    pub(super) fn hang(&mut self, name: Name, bell: Bell) {
        let others = self.hung.entry(name).or_default();
        others.retain(|other| !other.is_closed());
        others.push(bell);
    }

    pub(super) fn pull(&mut self, name: Name) {
        if let Some(bells) = self.hung.remove(&name) {
            self.pulled.extend(bells);
        }
    }

    pub(super) fn ring(&mut self) {
        drop(mem::take(&mut self.pulled));
    }
}
