//! The time by which a call must have its reply.
//!
//! A call has one deadline over all of its steps, so that redirections and
//! reconnects cannot add up to more than the timeout that the user has set.

use std::time::Duration;

use tokio::time::{Instant, error::Elapsed, timeout_at};

use crate::redis::error::Error;

/// The deadline of a call, over all of its steps: connecting, redirections and
/// replies.
#[derive(Clone, Copy)]
pub(crate) struct CallDeadline {
    /// When the call has to be over.
    until: Instant,
    /// The timeout from which it was made, for errors.
    within: Duration,
}

impl CallDeadline {
    /// The deadline this long from now.
    pub(crate) fn after(within: Duration) -> Self {
        // Cannot overflow: the longest timeouts are hours.
        let until = Instant::now() + within;
        Self { until, within }
    }

    /// Runs a step of the call, and stops it at the deadline.
    pub(crate) async fn enforce<F: Future>(&self, step: F) -> Result<F::Output, Elapsed> {
        timeout_at(self.until, step).await
    }

    /// Returns the error of a call to this server that took longer.
    pub(crate) fn exceeded(&self, server: &str) -> Error {
        Error::timed_out(server, self.within)
    }
}
