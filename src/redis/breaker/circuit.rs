//! The circuit breaker: stops calls to a server that keeps failing, and probes
//! it until it works again. The nodes and the cluster of a lane have one each.
//!
//! States: closed, where calls pass and failures in a row are counted; and
//! open, where calls are rejected and a probe runs at intervals. There is no
//! half-open state, because a probe is a round trip of its own: a task makes
//! it, or a caller before it sends its call.
//!
//! ```text
//!            `failures` failures in a row
//!   closed ------------------------------> open
//!      ^                                   |  |  each `probe_every`:
//!      |             it passes             |  |  a probe
//!      +-----------------------------------+  +--> it fails: still open
//! ```

use std::{
    future::Future,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, time::sleep};

use super::turn::{ProbeSchedule, TurnId};
use crate::redis::{error::Error, settings::LaneSettings, stats::LaneEvent, wire::CallDeadline};

/// Opens after a number of failures in a row. Only a probe closes it: a late
/// success of a call that was sent before it opened proves nothing.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// Whether calls are rejected.
    open: AtomicBool,
    /// Failures since the last success.
    failures: AtomicU32,
    /// When the next probe is due, and who makes it.
    probes: ProbeSchedule,
}

impl Breaker {
    /// Whether it is open.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Counts a success, which ends a row of failures.
    fn succeeded(&self) {
        // Nearly always zero already, and a load is cheaper to share than a
        // store.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Counts a failure; returns whether it opened the breaker.
    fn failed(&self, limit: u32, probe_every: Duration) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        if failures.saturating_add(1) < limit || self.is_open() {
            return false;
        }
        // Before the breaker opens, or its first caller would find a probe due.
        self.probes.rest(probe_every);
        !self.open.swap(true, Ordering::AcqRel)
    }

    /// Closes the breaker; returns whether it was open.
    fn close(&self) -> bool {
        self.failures.store(0, Ordering::Relaxed);
        self.open.swap(false, Ordering::AcqRel)
    }
}

/// A target of calls with a breaker, and a way to find out whether it works
/// again.
pub(crate) trait Guarded: Send + Sync + Sized + 'static {
    /// Returns the breaker of the target.
    fn breaker(&self) -> &Breaker;
    /// Returns the settings of its lane.
    fn settings(&self) -> &LaneSettings;
    /// Returns the name of the target in logs.
    fn name(&self) -> &str;
    /// Makes a round trip that shows whether the target can serve calls.
    fn probe(self: &Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Whether the breaker is open, though the next call may be let through to
/// probe.
pub(crate) fn is_open<G: Guarded>(guarded: &Arc<G>) -> bool {
    guarded.breaker().is_open()
}

/// Whether calls are rejected at once. While the breaker is open, a task
/// probes. If the task is late or ended with its runtime, the next caller makes
/// the probe, so the call is not rejected.
pub(crate) fn rejects<G: Guarded>(guarded: &Arc<G>) -> bool {
    let breaker = guarded.breaker();
    if !breaker.is_open() || breaker.probes.is_due() {
        return false;
    }
    keep_probing(guarded);
    true
}

/// Lets a call through, or rejects it. If a probe is due and no task makes it,
/// the call makes it first: where runtimes live shorter than the interval, no
/// task would.
pub(crate) async fn admit<G: Guarded>(
    guarded: &Arc<G>,
    deadline: CallDeadline,
) -> Result<(), Error> {
    let breaker = guarded.breaker();
    if !breaker.is_open() {
        return Ok(());
    }
    if let Some(id) = breaker.probes.take_if_due(max_probe_time(guarded)) {
        let _turn = ProbeTurn::new(guarded, id);
        let passed = deadline.enforce(probe(guarded)).await;
        if passed.is_ok_and(|passed| passed) {
            return Ok(());
        }
    }
    keep_probing(guarded);
    Err(Error::circuit_open())
}

/// Counts the outcome of a call for or against the breaker.
///
/// Errors that say nothing about the server end a row of failures, too, because
/// the server has replied.
pub(crate) fn record<G: Guarded>(guarded: &Arc<G>, error: Option<&Error>) {
    let (breaker, settings) = (guarded.breaker(), guarded.settings());
    if error.is_some_and(Error::is_closed_by_other) {
        return;
    }
    let Some(error) = error.filter(|error| error.is_outage()) else {
        return breaker.succeeded();
    };
    if breaker.failed(settings.config.failures, settings.config.probe_every) {
        settings.counters.count(LaneEvent::Opened);
        tracing::warn!(
            target: "sluicegate::redis",
            server = guarded.name(),
            lane = settings.lane_name(),
            %error,
            "redis is failing: no calls are sent until a probe passes",
        );
        keep_probing(guarded);
    }
}

/// Starts a task that probes, unless one is there and on time.
///
/// The task waits on the timers of the current runtime, and ends with it.
fn keep_probing<G: Guarded>(guarded: &Arc<G>) {
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    if let Some(id) = guarded.breaker().probes.take_to_wait() {
        let turn = ProbeTurn::new(guarded, id);
        runtime.spawn(probe_until_one_passes(
            turn,
            guarded.settings().config.probe_every,
        ));
    }
}

/// Probes at intervals until one passes or the turn is lost.
async fn probe_until_one_passes<G: Guarded>(turn: ProbeTurn<G>, every: Duration) {
    while let Some(left) = turn.time_left(every) {
        sleep(left).await;
        // Without a handle to the target, no calls can come.
        let Some(guarded) = turn.guarded.upgrade() else {
            return;
        };
        let probes = &guarded.breaker().probes;
        if !probes.begin(turn.id, max_probe_time(&guarded)) || probe(&guarded).await {
            return;
        }
    }
}

/// Makes a probe, and closes the breaker if it passes.
async fn probe<G: Guarded>(guarded: &Arc<G>) -> bool {
    let (breaker, settings) = (guarded.breaker(), guarded.settings());
    // Set before the probe, too, because this future may be dropped on the way.
    breaker.probes.rest(settings.config.probe_every);
    if let Err(error) = guarded.probe().await {
        tracing::debug!(
            target: "sluicegate::redis",
            server = guarded.name(),
            lane = settings.lane_name(),
            %error,
            "a probe failed",
        );
        breaker.probes.rest(settings.config.probe_every);
        return false;
    }
    if breaker.close() {
        settings.counters.count(LaneEvent::Closed);
        tracing::info!(
            target: "sluicegate::redis",
            server = guarded.name(),
            lane = settings.lane_name(),
            "redis works again",
        );
    }
    true
}

/// Returns how long a probe takes at most: behind sentinels, three attempts to
/// connect and a call.
fn max_probe_time<G: Guarded>(guarded: &Arc<G>) -> Duration {
    4 * guarded.settings().connect_timeout()
}

/// The right to probe. It is given back on drop, however the probe ended.
struct ProbeTurn<G: Guarded> {
    /// Weak, so that a task does not keep an unused connection alive.
    guarded: Weak<G>,
    /// Identifies the turn, which another task may have taken over.
    id: TurnId,
}

impl<G: Guarded> ProbeTurn<G> {
    /// The turn with this id.
    fn new(guarded: &Arc<G>, id: TurnId) -> Self {
        let guarded = Arc::downgrade(guarded);
        Self { guarded, id }
    }

    /// Returns the time until the next probe; `None` if another task has the
    /// turn by now, or the target is gone.
    fn time_left(&self, every: Duration) -> Option<Duration> {
        let guarded = self.guarded.upgrade()?;
        guarded.breaker().probes.time_left(self.id, every)
    }
}

impl<G: Guarded> Drop for ProbeTurn<G> {
    fn drop(&mut self) {
        if let Some(guarded) = self.guarded.upgrade() {
            guarded.breaker().probes.give_back(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn opens_once_after_a_number_of_failures_in_a_row() {
        let breaker = Breaker::default();
        assert!(!breaker.failed(3, SECOND) && !breaker.failed(3, SECOND));
        breaker.succeeded();
        assert!(!breaker.failed(3, SECOND) && !breaker.failed(3, SECOND) && !breaker.is_open());
        assert!(breaker.failed(3, SECOND) && breaker.is_open());
        assert!(!breaker.failed(3, SECOND));
    }

    #[test]
    fn only_a_probe_closes_it() {
        let breaker = Breaker::default();
        assert!(breaker.failed(1, SECOND));
        breaker.succeeded();
        assert!(breaker.is_open());
        breaker.close();
        assert!(!breaker.is_open());
        assert!(breaker.failed(1, SECOND));
    }
}
