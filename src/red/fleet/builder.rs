//! How counts are shipped.

use std::{sync::Arc, time::Duration};

use super::{
    client::FleetClient,
    random,
    reading::reader::Reader,
    redis::{Redis, Shipping},
    shipping::{shipper::Shipper, task::FlushTask},
};
use crate::{key::EncodedKey, red::Registry, redis::Connection};

const DAY: Duration = Duration::from_secs(86_400);

/// After so many intervals of silence, an instance is not taken for alive.
const SILENCES: u32 = 3;

/// A [`Redis`] that is still to be configured.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is built"]
pub struct Builder {
    registry: Registry,
    client: FleetClient,
    every: Duration,
    instance: String,
}

impl Builder {
    pub(crate) fn new(name: &str, registry: &Registry, connection: &Connection) -> Self {
        Self {
            registry: registry.clone(),
            client: FleetClient::new(name, connection),
            every: Duration::from_secs(5),
            instance: String::new(),
        }
    }

    /// How often counts are shipped, a tenth more or less: every 5 seconds unless
    /// it is set. What was counted since is what a process that is killed loses;
    /// after three times as long without a flush, what it had in flight does not
    /// count any more.
    ///
    /// # Panics
    ///
    /// When it is less than 100 ms or more than a day.
    #[track_caller]
    pub fn every(self, every: Duration) -> Self {
        assert!(
            (Duration::from_millis(100)..=DAY).contains(&every),
            "invalid interval {every:?}: must be 100 ms to a day"
        );
        Self { every, ..self }
    }

    /// What the ids of this instance begin with, such as the name of its pod:
    /// nothing unless it is set. The rest is random, so that a process that was
    /// restarted is never taken for the one before.
    pub fn instance(self, name: &str) -> Self {
        let instance = format!("{}:", EncodedKey::of(name));
        Self { instance, ..self }
    }

    /// Begins to ship.
    #[must_use = "it ends when it is dropped"]
    pub fn build(self) -> Redis {
        let instance = format!("{}{:032x}", self.instance, random::number());
        let life = self.every * SILENCES;
        let shipper = Shipper::new(&self.registry, &self.client, instance, life);
        let shipper = Arc::new(shipper);
        let task = FlushTask::start(&shipper, self.every);
        Redis {
            reader: Reader::of(&self.client, &self.registry.settings().bounds),
            shipping: Arc::new(Shipping { shipper, task }),
        }
    }
}
