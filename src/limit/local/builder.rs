//! The settings of a limiter in this process.

use std::sync::Arc;

use ahash::RandomState;

use super::{
    limiter::{Direct, Keyed, Keying, Local},
    refunds::Refunds,
    shared::Shared,
    store::{Epoch, Forgotten, Store},
};
use crate::{
    clock::{Clock, Monotonic},
    limit::{observe::Observe, rules::rule::Rule},
    sync::Mutex,
};

/// How many keys a limiter has room for, unless it is set.
const CAPACITY: usize = 100_000;

/// Builds a [`Local`] limiter with more settings than its rule.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::{clock::Coarse, limit::{Local, Quota, SlidingWindow}};
///
/// let limiter = Local::builder(SlidingWindow::new(Quota::per_hour(1_000)))
///     .name("api")
///     .capacity(1_000_000)
///     .clock(Coarse::start(Duration::from_millis(1))?)
///     .keyed();
/// assert!(limiter.check(&42, 1).is_admitted());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct LocalBuilder<R, C = Monotonic> {
    rule: R,
    clock: C,
    settings: LocalSettings,
}

/// The settings that do not depend on the types of rule and clock.
#[derive(Clone, Debug)]
struct LocalSettings {
    /// Keys that there is room for; without keys it means nothing.
    capacity: usize,
    name: Arc<str>,
    /// Notified about buckets that are forgotten alive.
    observer: Option<Arc<dyn Observe>>,
}

impl<R: Rule> LocalBuilder<R> {
    pub(super) fn new(rule: R) -> Self {
        Self {
            rule,
            clock: Monotonic::new(),
            settings: LocalSettings {
                capacity: CAPACITY,
                name: "default".into(),
                observer: None,
            },
        }
    }
}

impl<R: Rule, C: Clock> LocalBuilder<R, C> {
    /// Sets the name by which clients, logs and metrics know the limit:
    /// `default` unless it is set.
    pub fn name(mut self, name: &str) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Sets for how many keys there is room: 100,000 unless it is set. See
    /// [memory](Local#memory).
    ///
    /// # Panics
    ///
    /// If it is 0 or above 2^31.
    #[track_caller]
    pub fn capacity(mut self, capacity: usize) -> Self {
        let is_valid = (1..=1 << 31).contains(&capacity);
        assert!(is_valid, "invalid capacity {capacity}: must be 1 to 2^31");
        self.settings.capacity = capacity;
        self
    }

    /// Sets the clock to decide by: the monotonic one unless it is set. A
    /// window that should begin at midnight needs [`Wall`](crate::clock::Wall).
    pub fn clock<D: Clock>(self, clock: D) -> LocalBuilder<R, D> {
        LocalBuilder {
            rule: self.rule,
            clock,
            settings: self.settings,
        }
    }

    /// Sets the observer to notify about buckets that are forgotten alive. Give
    /// it the same one as the layer.
    pub fn observe(mut self, observer: Arc<dyn Observe>) -> Self {
        self.settings.observer = Some(observer);
        self
    }

    /// Builds a limiter with a bucket for each key.
    pub fn keyed(self) -> Local<R, Keyed, C> {
        self.build()
    }

    /// Builds a limiter with one bucket.
    pub fn direct(self) -> Local<R, Direct, C> {
        self.build()
    }

    fn build<S: Keying<R>>(self) -> Local<R, S, C> {
        let LocalSettings {
            capacity,
            name,
            observer,
        } = self.settings;
        let epoch = Epoch::new(self.clock.now(), self.rule.lifetime());
        let forgotten = Forgotten::new(name.clone(), observer);
        let shared = Shared {
            store: S::Store::new(capacity, epoch, forgotten),
            rule: self.rule,
            clock: self.clock,
            hasher: RandomState::new(),
            name,
            refunds: Refunds::new(),
            credits: Refunds::new(),
            wait_queues: Mutex::default(),
        };
        Local {
            shared: Arc::new(shared),
        }
    }
}
