//! The builder of a fleet's handle.

use std::{sync::Arc, time::Duration};

use super::{
    client::FleetClient,
    reading::reader::Reader,
    redis::{Redis, Shipping},
    shipping::{shipper::Shipper, task::FlushTask},
};
use crate::{key::EncodedKey, random, red::Registry, redis::Connection};

/// The longest interval between two flushes.
const DAY: Duration = Duration::from_secs(86_400);

/// After so many intervals without a flush, an instance no longer counts as
/// alive.
const SILENCES: u32 = 3;

/// Builds a [`Redis`] with other settings than the defaults.
///
/// ```no_run
/// # fn build(metrics: sluicegate::red::Registry, connection: sluicegate::redis::Connection) {
/// use std::time::Duration;
/// use sluicegate::red;
///
/// let fleet = red::Redis::builder("orders", &metrics, &connection)
///     .every(Duration::from_secs(10))
///     .build();
/// # let _ = fleet;
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is built"]
pub struct Builder {
    registry: Registry,
    client: FleetClient,
    /// The interval between flushes.
    every: Duration,
    /// The start of the instance's id, with a colon; empty unless set.
    instance: String,
}

impl Builder {
    /// Returns a builder with the default interval and without a name.
    pub(crate) fn new(name: &str, registry: &Registry, connection: &Connection) -> Self {
        Self {
            registry: registry.clone(),
            client: FleetClient::new(name, connection),
            every: Duration::from_secs(5),
            instance: String::new(),
        }
    }

    /// Sets the interval between flushes, which varies by a tenth: 5 seconds
    /// unless set.
    ///
    /// A process that is killed loses what it has counted in an interval. After
    /// three intervals without a flush, its requests in flight no longer count.
    ///
    /// # Panics
    ///
    /// Panics if it is less than 100 ms or more than a day.
    #[track_caller]
    pub fn every(self, every: Duration) -> Self {
        assert!(
            (Duration::from_millis(100)..=DAY).contains(&every),
            "invalid interval {every:?}: must be 100 ms to a day"
        );
        Self { every, ..self }
    }

    /// Sets what the id of this instance begins with, such as the name of its
    /// pod. The rest of the id is random, so that a process that was restarted
    /// is never taken for its predecessor.
    pub fn instance(self, name: &str) -> Self {
        let instance = format!("{}:", EncodedKey::of(name));
        Self { instance, ..self }
    }

    /// Starts to ship.
    #[must_use = "it ends when it is dropped"]
    pub fn build(self) -> Redis {
        // Random, because a restarted process numbers its flushes from 1 again,
        // which the script would take for duplicates under the same id.
        let id = u128::from_ne_bytes(random::bytes());
        let instance = format!("{}{id:032x}", self.instance);
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
