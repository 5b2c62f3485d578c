//! What all parts of a lane share.

use std::{sync::OnceLock, time::Duration};

use super::{call::Numbers, credentials::Provider, lane::Lane, latency::Latency, stats::Counters};

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) prefix: String,
    pub(super) timeout: Duration,
    /// Failures in a row that open a breaker.
    pub(super) failures: u32,
    pub(super) probe_every: Duration,
    /// Of credentials, if they are not those of the address.
    pub(super) provider: Option<Provider>,
    pub(super) counters: Counters,
    pub(super) latency: Latency,
    pub(super) numbers: Numbers,
    /// The one that first used it.
    lane: OnceLock<Lane>,
}

impl Settings {
    pub(super) fn new(
        prefix: &str,
        timeout: Duration,
        failures: u32,
        probe_every: Duration,
        provider: Option<Provider>,
    ) -> Self {
        Self {
            prefix: prefix.to_owned(),
            timeout,
            failures,
            probe_every,
            provider,
            counters: Counters::default(),
            latency: Latency::new(),
            numbers: Numbers::new(),
            lane: OnceLock::new(),
        }
    }

    /// The same for another lane, on which nothing happened yet.
    pub(super) fn fresh(&self) -> Self {
        Self::new(
            &self.prefix,
            self.timeout,
            self.failures,
            self.probe_every,
            self.provider.clone(),
        )
    }

    pub(super) fn is_for(&self, lane: Lane) {
        self.lane.get_or_init(|| lane);
    }

    /// What logs call the lane.
    pub(super) fn lane(&self) -> &'static str {
        self.lane.get().map_or("none", |lane| lane.name())
    }

    /// How long an attempt to connect may go on. It is not abandoned with the
    /// call that began it: a handshake may take longer than a call may.
    pub(super) fn patience(&self) -> Duration {
        self.timeout.max(Duration::from_secs(1))
    }
}
