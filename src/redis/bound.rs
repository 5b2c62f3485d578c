//! How long a call may take.

use std::time::Duration;

use tokio::time::{Instant, error::Elapsed, timeout_at};

use super::error::Error;

/// When a call must have been answered, and how long that was from its beginning.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    until: Instant,
    within: Duration,
}

impl Bound {
    /// From now on.
    pub(super) fn of(within: Duration) -> Self {
        // The longest that can be set is far from the end of time.
        let until = Instant::now() + within;
        Self { until, within }
    }

    pub(super) async fn keep<F: Future>(&self, call: F) -> Result<F::Output, Elapsed> {
        timeout_at(self.until, call).await
    }

    /// The error of a call to this server that took longer.
    pub(super) fn exceeded(&self, server: &str) -> Error {
        Error::timed_out(server, self.within)
    }
}
