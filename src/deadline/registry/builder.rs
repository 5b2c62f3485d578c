//! The settings of a registry. `registry` builds it from them.

use std::time::Duration;

/// The longest grace.
const DAY: Duration = Duration::from_secs(86_400);

/// Builds a [`Registry`](super::Registry).
///
/// ```
/// use std::time::Duration;
/// use sluicegate::deadline::Registry;
///
/// let registry = Registry::builder()
///     .grace(Duration::from_secs(300))
///     .capacity(10_000)
///     .local();
/// # let _ = registry;
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is built"]
pub struct Builder {
    pub(super) grace: Duration,
    pub(super) capacity: usize,
    #[cfg(feature = "redis")]
    pub(super) skew: Option<Duration>,
}

impl Builder {
    /// Returns the default settings.
    pub(super) fn new() -> Self {
        Self {
            grace: Duration::from_secs(60),
            capacity: 65_536,
            #[cfg(feature = "redis")]
            skew: None,
        }
    }

    /// Sets how long an expired deadline is told from an unknown one. The
    /// default is a minute.
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

    /// Sets how many deadlines there may be in process, with those within their
    /// grace. The default is 65,536. It has no meaning in Redis.
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

    /// Goes on while Redis is unavailable, by this process's own clock, which
    /// is never further than `skew` from Redis's and from any other process's.
    ///
    /// An id then carries when it was issued and for how long. The remaining
    /// time is computed as if the clocks were wrong by all of `skew`: a
    /// deadline ends early by up to twice as much, and never late. Every such
    /// answer is [counted](super::Counts::fell_back). Cancelling still needs
    /// Redis.
    ///
    /// By default there is no such answer, and the error is returned. Set it
    /// only where clocks are synchronized and the writers of ids are trusted,
    /// because the writer of an id chooses what it carries.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn skew(self, skew: Duration) -> Self {
        let skew = Some(skew);
        Self { skew, ..self }
    }
}
