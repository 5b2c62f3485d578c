//! Stops asking a server that does not answer, and finds out when it does.

use std::{
    future::Future,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, time::sleep};

use super::{
    bound::Bound,
    error::Error,
    probing::{Number, Probing},
    settings::Settings,
};

/// Open after so many failures in a row; closed by a probe only, so that a
/// late success of a call from before proves nothing.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    open: AtomicBool,
    failures: AtomicU32,
    probing: Probing,
}

impl Breaker {
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    fn succeeded(&self) {
        // Nearly always zero already, and a load is cheaper to share than a store.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Whether this failure opened it.
    fn failed(&self, limit: u32, probe_every: Duration) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        if failures.saturating_add(1) < limit || self.is_open() {
            return false;
        }
        // Before it is open, or the first caller would find a probe due.
        self.probing.rest(probe_every);
        !self.open.swap(true, Ordering::AcqRel)
    }

    /// Whether this closed it.
    fn close(&self) -> bool {
        self.failures.store(0, Ordering::Relaxed);
        self.open.swap(false, Ordering::AcqRel)
    }
}

/// Something with a breaker, and a way to find out whether it works again.
pub(super) trait Guarded: Send + Sync + Sized + 'static {
    fn breaker(&self) -> &Breaker;
    fn settings(&self) -> &Settings;
    /// What logs call it.
    fn name(&self) -> &str;
    fn probe(self: &Arc<Self>) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Whether no call is let through but a probe.
pub(super) fn is_open<G: Guarded>(guarded: &Arc<G>) -> bool {
    guarded.breaker().is_open()
}

/// Whether calls are refused at once. An open breaker has a task that probes, or,
/// where that was late or went down with its runtime, the next caller to do it.
pub(super) fn is_shut<G: Guarded>(guarded: &Arc<G>) -> bool {
    let breaker = guarded.breaker();
    if !breaker.is_open() || breaker.probing.is_due() {
        return false;
    }
    keep_probing(guarded);
    true
}

/// Lets a call through, or refuses it. If a probe is due that no task makes, the
/// call makes it: where runtimes are shorter than the interval, no task ever would.
pub(super) async fn admit<G: Guarded>(guarded: &Arc<G>, bound: Bound) -> Result<(), Error> {
    let breaker = guarded.breaker();
    if !breaker.is_open() {
        return Ok(());
    }
    if let Some(number) = breaker.probing.take_if_due(longest(guarded)) {
        let _turn = Turn::new(guarded, number);
        let passed = bound.keep(probe(guarded)).await;
        if passed.is_ok_and(|passed| passed) {
            return Ok(());
        }
    }
    keep_probing(guarded);
    Err(Error::shut())
}

/// Counts a call for or against the breaker.
pub(super) fn judge<G: Guarded>(guarded: &Arc<G>, error: Option<&Error>) {
    let (breaker, settings) = (guarded.breaker(), guarded.settings());
    if error.is_some_and(Error::is_cut) {
        return;
    }
    let Some(error) = error.filter(|error| error.is_outage()) else {
        return breaker.succeeded();
    };
    if breaker.failed(settings.failures, settings.probe_every) {
        settings.counters.opened.add();
        tracing::warn!(
            target: "sluicegate::redis",
            server = guarded.name(),
            lane = guarded.settings().lane(),
            %error,
            "redis does not answer: it is not asked until a probe passes",
        );
        keep_probing(guarded);
    }
}

/// Starts a task that probes, unless there is one that is not late.
fn keep_probing<G: Guarded>(guarded: &Arc<G>) {
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    if let Some(number) = guarded.breaker().probing.take_to_wait() {
        let turn = Turn::new(guarded, number);
        runtime.spawn(until_it_passes(turn, guarded.settings().probe_every));
    }
}

async fn until_it_passes<G: Guarded>(turn: Turn<G>, every: Duration) {
    while let Some(left) = turn.left(every) {
        sleep(left).await;
        // When all handles are gone, nobody asks any more.
        let Some(guarded) = turn.guarded.upgrade() else {
            return;
        };
        let probing = &guarded.breaker().probing;
        if !probing.begin(turn.number, longest(&guarded)) || probe(&guarded).await {
            return;
        }
    }
}

/// Whether it passes; then the breaker is closed.
async fn probe<G: Guarded>(guarded: &Arc<G>) -> bool {
    let (breaker, settings) = (guarded.breaker(), guarded.settings());
    // Also for one that is dropped before its end.
    breaker.probing.rest(settings.probe_every);
    if let Err(error) = guarded.probe().await {
        tracing::debug!(
            target: "sluicegate::redis",
            server = guarded.name(),
            lane = guarded.settings().lane(),
            %error,
            "a probe failed",
        );
        breaker.probing.rest(settings.probe_every);
        return false;
    }
    if breaker.close() {
        settings.counters.closed.add();
        tracing::info!(
            target: "sluicegate::redis",
            server = guarded.name(),
            lane = guarded.settings().lane(),
            "redis answers again",
        );
    }
    true
}

/// How long a probe takes at most: behind sentinels three attempts to connect and a
/// call.
fn longest<G: Guarded>(guarded: &Arc<G>) -> Duration {
    4 * guarded.settings().patience()
}

/// The right to probe; given back when the probe ends in whatever way.
struct Turn<G: Guarded> {
    guarded: Weak<G>,
    number: Number,
}

impl<G: Guarded> Turn<G> {
    fn new(guarded: &Arc<G>, number: Number) -> Self {
        let guarded = Arc::downgrade(guarded);
        Self { guarded, number }
    }

    /// How long it is until the next probe; `None` if another has the right now, or
    /// there is nobody to probe for.
    fn left(&self, every: Duration) -> Option<Duration> {
        let guarded = self.guarded.upgrade()?;
        guarded.breaker().probing.left(self.number, every)
    }
}

impl<G: Guarded> Drop for Turn<G> {
    fn drop(&mut self) {
        if let Some(guarded) = self.guarded.upgrade() {
            guarded.breaker().probing.give_back(self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn opens_once_after_so_many_failures_in_a_row() {
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
