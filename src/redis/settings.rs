//! What all parts of a connection share.

use std::time::Duration;

use super::{call::Numbers, latency::Latency, stats::Counters};

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) prefix: String,
    pub(super) timeout: Duration,
    /// Failures in a row that open a breaker.
    pub(super) failures: u32,
    pub(super) probe_every: Duration,
    pub(super) counters: Counters,
    pub(super) latency: Latency,
    pub(super) numbers: Numbers,
}

impl Settings {
    /// How long an attempt to connect may go on. It is not abandoned with the
    /// call that began it: a handshake may take longer than a call may.
    pub(super) fn patience(&self) -> Duration {
        self.timeout.max(Duration::from_secs(1))
    }
}
