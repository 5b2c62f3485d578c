//! What limiters did.

use std::collections::BTreeMap;

use super::{names::ByName, sources::Sources, striped::Striped};
use crate::{limit, red::Registry};

/// What was decided by limiters of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimiterCounts {
    /// The limiter's name; empty for exempt requests,
    /// [`OVERFLOW`](crate::red::OVERFLOW) for all after the first 256 names.
    pub name: String,
    /// What it decided, forgot, and left to its policy.
    pub decided: limit::Snapshot,
    /// What it asked of Redis, if `Registry::limiter` was given it.
    pub redis: Option<Coalescing>,
}

/// What a limiter asked of Redis, and what it did not have to ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coalescing {
    /// Questions that were sent: checks, credits, debits, resets.
    pub requests: u64,
    /// Entries that they were merged into.
    pub entries: u64,
    /// Calls of the script that they were sent in.
    pub calls: u64,
    /// Denials that were remembered, so that Redis was not asked.
    pub recalled: u64,
    /// Checks that a lease admitted, so that Redis was not asked.
    pub leased: u64,
    /// Questions that found the queue full.
    pub overloaded: u64,
    /// Questions about buckets whose state could not be read, so that they failed.
    pub unreadable: u64,
}

impl Coalescing {
    /// Questions per call: by how much sharing calls saves round trips. `None`
    /// before the first.
    pub fn factor(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.requests as f64 / self.calls as f64)
    }
}

/// What limiters did, by their names.
#[derive(Default)]
pub(crate) struct Limiters {
    decided: ByName<Striped<limit::Counts>>,
    redis: Sources<LimiterCounts>,
}

impl Limiters {
    /// That of this thread.
    #[inline]
    fn of(&self, name: &str) -> &limit::Counts {
        self.decided.of(name).own()
    }

    pub(crate) fn read(&self) -> Vec<LimiterCounts> {
        let sources = self.redis.read().into_iter();
        let mut all: BTreeMap<_, _> = sources.map(|it| (it.name.clone(), it)).collect();
        for (name, stripes) in self.decided.all() {
            let counts = all.entry(name.into()).or_default();
            name.clone_into(&mut counts.name);
            counts.decided = told(stripes, counts.decided.fell_back);
        }
        all.into_values().collect()
    }
}

/// What observers were told. The limiter itself has counted how often it fell back,
/// which is the same if it tells of it.
fn told(stripes: &Striped<limit::Counts>, fell_back: u64) -> limit::Snapshot {
    let told: limit::Snapshot = stripes.all().map(limit::Counts::snapshot).sum();
    limit::Snapshot {
        fell_back: told.fell_back.max(fell_back),
        ..told
    }
}

/// Counts what limiters decide: give it to the layer, and to the limiter.
///
/// ```
/// use std::sync::Arc;
/// use sluicegate::{limit::{Local, Quota, RateLimitLayer, TokenBucket}, red::Registry};
///
/// let metrics = Registry::new();
/// let observer = Arc::new(metrics.clone());
/// let limiter = Local::builder(TokenBucket::new(Quota::per_second(10)))
///     .observe(observer.clone())
///     .direct();
/// let layer = RateLimitLayer::new(limiter).observe(observer);
/// # let _ = layer;
/// ```
impl limit::Observe for Registry {
    fn decided(&self, event: &limit::Event<'_>) {
        self.components().limiters.of(event.limiter).decided(event);
    }

    fn forgotten(&self, limiter: &str) {
        self.components().limiters.of(limiter).forgotten(limiter);
    }

    fn fell_back(&self, limiter: &str) {
        self.components().limiters.of(limiter).fell_back(limiter);
    }
}

#[cfg(feature = "redis")]
impl Registry {
    /// Shows what a limiter asks of Redis from now on, beside what it decides, which
    /// the registry is told as an observer. It outlives the limiter, and a later
    /// one of its name takes its place.
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn limiter<R: limit::Scripted, P: limit::Policy>(&self, limiter: &limit::Redis<R, P>) {
        let counts = limiter.watch();
        let read = move |name: &str| {
            let counts = counts();
            LimiterCounts {
                name: name.into(),
                decided: limit::Snapshot {
                    fell_back: counts.fell_back,
                    ..limit::Snapshot::default()
                },
                redis: Some(counts.into()),
            }
        };
        self.components().limiters.redis.set(limiter.label(), read);
    }
}

#[cfg(feature = "redis")]
impl From<limit::RedisCounts> for Coalescing {
    fn from(counts: limit::RedisCounts) -> Self {
        Self {
            requests: counts.requests,
            entries: counts.entries,
            calls: counts.calls,
            recalled: counts.recalled,
            leased: counts.leased,
            overloaded: counts.overloaded,
            unreadable: counts.unreadable,
        }
    }
}
