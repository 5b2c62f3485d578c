//! The settings of a limiter in this process.

use std::sync::Arc;

use super::{
    keys::Keys,
    local::{GateOfEachKey, Local, OneGate},
};
#[cfg(feature = "redis")]
use crate::concurrency::adaptive::fleet;
use crate::{
    concurrency::{
        adaptive::{Adaptive, Algorithm, Learner},
        gate::{Gate, GateSettings, MAX_LIMIT, Owner, Queue, Reserves},
    },
    criticality::Criticality,
    error::{InvalidSetting, valid},
    limit::{Direct, Keyed},
};

/// Builds a [`Local`] with more settings than its limit.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::{concurrency::{Local, Queue}, criticality::Criticality};
///
/// let permits = Local::builder(100)
///     .name("api")
///     .queue(Queue::new(50).max_wait(Duration::from_millis(100)))
///     .reserve(Criticality::Critical, 0.2)
///     .build();
/// assert_eq!(permits.usage().limit, 100);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct LocalBuilder {
    limit: u32,
    name: Arc<str>,
    queue: Queue,
    reserves: Reserves,
}

impl LocalBuilder {
    #[track_caller]
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit: valid_limit(limit),
            name: "default".into(),
            queue: Queue::none(),
            reserves: Reserves::default(),
        }
    }

    /// Sets the name by which logs and metrics know the limit: `default` unless
    /// it is set.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Sets where requests wait for a permit; nowhere unless it is set. With
    /// keys, each has a queue of its own.
    pub fn queue(mut self, queue: Queue) -> Self {
        self.queue = queue;
        self
    }

    /// Keeps a share of the limit, such as 0.2, for requests of this level and
    /// above. Shares for several levels add up. The share of lower levels is
    /// rounded down: of a limit of 1, they get nothing.
    ///
    /// The source is the fleet usage limiter of Stripe ("Scaling your API with
    /// rate limiters", 2017).
    ///
    /// # Panics
    ///
    /// If the level is `Sheddable`, above which all are, the share is not above 0,
    /// or all shares together are not below 1.
    #[track_caller]
    pub fn reserve(mut self, level: Criticality, share: f64) -> Self {
        self.reserves = valid(self.reserves.with_share(level, share));
        self
    }

    /// Builds a limiter with one limit.
    pub fn build(self) -> Local<Direct> {
        let limit = self.limit;
        self.build_owned(limit, None)
    }

    /// Builds a limiter whose limit moves by itself. It begins with the limit of
    /// this builder.
    pub fn build_adaptive<A: Algorithm>(self, adaptive: Adaptive<A>) -> Local<Direct> {
        #[cfg(feature = "redis")]
        let fleet = adaptive.its_fleet().cloned();
        let learner = Arc::new(Learner::new(adaptive, self.limit));
        let local = self.build_owned(learner.limit(), Some(learner.clone()));
        #[cfg(feature = "redis")]
        if let Some(fleet) = fleet {
            fleet::join(fleet, &learner, &local.gates.0);
        }
        local
    }

    fn build_owned(self, limit: u32, owner: Option<Arc<dyn Owner>>) -> Local<Direct> {
        let settings = GateSettings {
            owner,
            ..self.settings()
        };
        let gate = Gate::new(Arc::new(settings), limit, 0);
        Local {
            name: self.name,
            gates: OneGate(Arc::new(gate)),
        }
    }

    /// Builds a limiter with a limit for each key.
    pub fn build_keyed(self) -> Local<Keyed> {
        let keys = Keys::new(self.settings(), self.limit);
        Local {
            name: self.name,
            gates: GateOfEachKey(keys),
        }
    }

    fn settings(&self) -> GateSettings {
        GateSettings {
            queue: self.queue,
            reserves: self.reserves,
            owner: None,
        }
    }
}

/// Returns the limit, or panics at the caller's line.
#[track_caller]
pub(in crate::concurrency) fn valid_limit(limit: u32) -> u32 {
    valid(match (1..=MAX_LIMIT).contains(&limit) {
        true => Ok(limit),
        false => Err(InvalidSetting::new("limit", limit, "1 to 2^24 - 1")),
    })
}
