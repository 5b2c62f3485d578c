//! The settings, counters and call numbers that all parts of a lane share.
//!
//! They are made once for a connection, and copied for each lane that is
//! opened, so that lanes count apart from each other.

use std::{sync::OnceLock, time::Duration};

use super::{
    connect::Provider,
    lane::Lane,
    stats::{Counters, Latency},
    wire::Numbers,
};

/// The settings of a connection, as its builder sets them.
#[derive(Clone, Debug)]
pub(super) struct Config {
    /// The first part of every key, up to the first colon.
    pub(super) prefix: String,
    /// How long a call may take, in all.
    pub(super) timeout: Duration,
    /// The number of failures in a row that opens a breaker.
    pub(super) failures: u32,
    /// The time between two probes of an open breaker.
    pub(super) probe_every: Duration,
    /// Supplies the credentials; `None` if they are those of the address.
    pub(super) provider: Option<Provider>,
}

/// Shared by the nodes, breakers and connections of one lane.
#[derive(Debug)]
pub(super) struct LaneSettings {
    pub(super) config: Config,
    /// The counters behind the public statistics of the lane.
    pub(super) counters: Counters,
    /// How long its calls took.
    pub(super) latency: Latency,
    /// Gives its calls their numbers.
    pub(super) numbers: Numbers,
    /// The lane that first used these settings. It is set late, because the
    /// client that `connect` checks is made before it is known which lane will
    /// take it.
    lane: OnceLock<Lane>,
}

impl LaneSettings {
    /// The settings of a lane that is not known yet, with counters at zero.
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            counters: Counters::default(),
            latency: Latency::new(),
            numbers: Numbers::new(),
            lane: OnceLock::new(),
        }
    }

    /// Returns the same settings for another lane, with counters at zero.
    ///
    /// The provider of credentials is shared, because it belongs to the user.
    pub(super) fn for_new_lane(&self) -> Self {
        Self::new(self.config.clone())
    }

    /// Says which lane these settings belong to; only the first call counts.
    pub(super) fn assign_lane(&self, lane: Lane) {
        self.lane.get_or_init(|| lane);
    }

    /// Returns the name of the lane for logs.
    pub(super) fn lane_name(&self) -> &'static str {
        self.lane.get().map_or("none", |lane| lane.name())
    }

    /// Returns how long an attempt to connect may take: the timeout of a call,
    /// and at least a second. It outlives the call that began it, because a
    /// handshake may take longer than a call may.
    pub(super) fn connect_timeout(&self) -> Duration {
        self.config.timeout.max(Duration::from_secs(1))
    }
}
