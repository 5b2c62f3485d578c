//! The settings of a fleet, and the handle by which it is watched.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    counts::{AdaptiveFleetCounts, Counters, FleetCall},
    script::Answer,
    view::FleetView,
};
use crate::{
    error::{InvalidSetting, valid},
    key::EncodedKey,
    redis::{Connection, Lane},
    sync::{Mutex, lock},
};

/// The time between two calls unless another is set.
const DEFAULT_EVERY: Duration = Duration::from_secs(1);
const MIN_EVERY: Duration = Duration::from_millis(100);
const MAX_EVERY: Duration = Duration::from_secs(60);

/// For how many times the interval an instance counts after a call.
const LIVES: u32 = 5;

/// Instances whose adaptive limits learn from each other through Redis.
///
/// Each instance tells every second how many requests are in flight, its limit,
/// and how long its requests take, in one command. The answer has the sums and
/// the medians of the fleet. An instance that crashed counts for 5 seconds more;
/// one whose limiter is dropped says so within a second.
///
/// ```no_run
/// # fn example(connection: &sluicegate::redis::Connection) {
/// use sluicegate::concurrency::{Adaptive, AdaptiveFleet, Local};
///
/// let fleet = AdaptiveFleet::new(connection, "api").max(2_000);
/// let permits = Local::builder(20).build_adaptive(Adaptive::gradient().fleet(&fleet));
/// if let Some(view) = fleet.view() {
///     println!("{} instances admit {} at a time", view.instances, view.limit);
/// }
/// # drop(permits);
/// # }
/// ```
///
/// # A new instance
///
/// A limit that begins with 20 in a fleet whose limits are near 100 refuses most
/// requests for many seconds. So a new instance takes the median of the limits
/// as soon as an answer has one, within its own bounds. That happens once, and
/// only before it has ended 10 windows with samples. Before that, it does not
/// count for the median of others.
///
/// # A maximum of the fleet
///
/// With [`max`](Self::max), the answer also bounds the limit of each instance,
/// so that the bounds of all are never more than the maximum together:
///
/// ```text
/// wants   the limit + max(4, limit / 4); if the bound is in use, the highest limit
/// level   the number for which the sum of min(wants, level) is the maximum;
///         if all wants together are less, all get them and an equal part of the rest
/// bound   min(wants, level), but at most what the bounds of others leave; at least 1
/// ```
///
/// So what one instance does not need is left to others, and instances with the
/// same load get the same. An instance has to lower its limit before another may
/// use the difference, so a share takes up to three seconds to change hands. Sums
/// above the maximum are still possible:
///
/// | when | by how much |
/// |---|---|
/// | a new instance has no answer yet, so it keeps to its initial limit | that limit |
/// | there are more instances than the maximum, or the others have not yet made room for a new one | 1 for each, so that none refuses everything |
/// | an instance has lost Redis for 5 seconds, so that others get its share | its last bound |
/// | Redis lost its data, and a new instance calls first | its initial limit |
/// | the limit was lowered | requests in flight keep their permits |
///
/// A key that is new may be that of a server which lost its data. For the first 5
/// seconds, until all instances have called, no bound is above the limit that the
/// instance has.
///
/// If a hard limit must hold in all cases, such as that of a database's
/// connections, use [`Redis`](crate::concurrency::Redis). The bound prevails
/// over [`min`](crate::concurrency::Adaptive::min). If instances have different maxima, the smallest
/// is in force; one without any is not bounded, and its limit is taken from what
/// the others share.
///
/// # If Redis does not answer
///
/// The limit goes on to move by the durations of this instance, from the initial
/// or the last limit. It stays below the bound of the last answer, however old
/// that is. Failed calls are [counted](Self::counts), and the first one after an
/// answer is logged. Requests never wait for Redis.
///
/// The key is `{prefix}:{{name}}:adaptive`. Limits that share a name should be
/// about the same work on machines of the same size.
#[derive(Clone)]
pub struct AdaptiveFleet {
    pub(super) connection: Connection,
    pub(super) key: Arc<str>,
    pub(super) max: Option<u32>,
    pub(super) every: Duration,
    shared: Arc<FleetState>,
}

/// The counters and the last answer, which the clones of a handle share.
#[derive(Default)]
struct FleetState {
    counters: Counters,
    last: Mutex<Option<(Instant, Answer)>>,
}

impl AdaptiveFleet {
    /// The fleet with this name. Nothing is sent before a limiter is built.
    pub fn new(connection: &Connection, name: &str) -> Self {
        let connection = connection.on(Lane::Limits);
        let (prefix, name) = (connection.prefix(), EncodedKey::of(name));
        Self {
            key: format!("{prefix}:{{{name}}}:adaptive").into(),
            connection,
            max: None,
            every: DEFAULT_EVERY,
            shared: Arc::default(),
        }
    }

    /// Bounds the limits of all instances together. They are not bounded unless it
    /// is set.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    #[track_caller]
    pub fn max(mut self, max: u32) -> Self {
        self.max = Some(valid(match max > 0 {
            true => Ok(max),
            false => Err(InvalidSetting::new("max", max, "1 to 2^32 - 1")),
        }));
        self
    }

    /// Sets the time between two commands of an instance: 1 s unless it is set.
    /// An instance that crashed counts for five times as long.
    ///
    /// # Panics
    ///
    /// If it is less than 100 ms or more than a minute.
    #[must_use]
    #[track_caller]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = valid(match (MIN_EVERY..=MAX_EVERY).contains(&every) {
            true => Ok(every),
            false => {
                let every = format_args!("{every:?}");
                Err(InvalidSetting::new("every", every, "100 ms to 60 s"))
            }
        });
        self
    }

    /// Returns what the last answer to a limiter with this handle said; `None`
    /// before the first one.
    pub fn view(&self) -> Option<FleetView> {
        let (at, answer) = (*lock(&self.shared.last))?;
        Some(answer.view(at.elapsed()))
    }

    /// Returns the counts of all limiters with this handle.
    pub fn counts(&self) -> AdaptiveFleetCounts {
        self.shared.counters.snapshot()
    }

    pub(super) fn count(&self, call: FleetCall) {
        self.shared.counters.count(call);
    }

    /// Keeps an answer for [`view`](Self::view).
    pub(super) fn learn(&self, answer: Answer) {
        self.count(FleetCall::Answered);
        *lock(&self.shared.last) = Some((Instant::now(), answer));
    }

    /// Returns for how long an instance counts after a call.
    pub(super) fn life(&self) -> Duration {
        self.every * LIVES
    }

    /// Returns the bound of a limit of which no answer has told one.
    pub(in crate::concurrency) fn initial_bound(&self, limit: u32) -> Option<u32> {
        self.max.map(|max| max.min(limit))
    }
}

impl fmt::Debug for AdaptiveFleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveFleet")
            .field("key", &self.key)
            .field("max", &self.max)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}
