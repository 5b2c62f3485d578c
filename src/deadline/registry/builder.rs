//! How a registry is configured.

use std::{sync::Arc, time::Duration};

use super::{
    local::Local,
    registry::{Registry, Store},
};

const DAY: Duration = Duration::from_secs(86_400);

/// A [`Registry`] that is still to be configured.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is built"]
pub struct Builder {
    grace: Duration,
    capacity: usize,
    #[cfg(feature = "redis")]
    skew: Option<Duration>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            grace: Duration::from_secs(60),
            capacity: 65_536,
            #[cfg(feature = "redis")]
            skew: None,
        }
    }

    /// How long a deadline that has passed is told from one that is unknown: a
    /// minute unless it is set.
    ///
    /// # Panics
    ///
    /// When it is more than a day.
    #[track_caller]
    pub fn grace(self, grace: Duration) -> Self {
        assert!(
            grace <= DAY,
            "invalid grace {grace:?}: must be at most a day"
        );
        Self { grace, ..self }
    }

    /// How many deadlines there may be in process, with those within their
    /// grace: 65,536 unless it is set. In Redis it means nothing.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn capacity(self, capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "invalid capacity {capacity}: must be at least 1"
        );
        Self { capacity, ..self }
    }

    /// Goes on while Redis is away, by this process's own clock, which is never
    /// further than this from Redis's and from any other process's.
    ///
    /// An id then says when it was given out and for how long, and what is left
    /// of that is reckoned as if the clocks were wrong by all of this: it ends
    /// early by up to twice as much, and never late. Every such answer is
    /// [counted](super::registry::Counts::fell_back). Cancelling still needs Redis.
    ///
    /// Unless it is set there is no such answer, and the error is the answer. Set
    /// it only where clocks are kept in step, and the messages that carry ids are
    /// from those whom you trust: who writes an id chooses what it says.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn skew(self, skew: Duration) -> Self {
        let skew = Some(skew);
        Self { skew, ..self }
    }

    /// A registry in this process.
    pub fn local(self) -> Registry {
        let local = Local::new(self.capacity, self.grace);
        Registry(Store::Local(Arc::new(local)))
    }

    /// The registry of this name in Redis: with all others of the name on this
    /// connection's prefix, it is one.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn redis(self, name: &str, connection: &crate::redis::Connection) -> Registry {
        let redis = super::redis::Redis::new(name, connection, self.grace, self.skew);
        Registry(Store::Redis(Arc::new(redis)))
    }
}
