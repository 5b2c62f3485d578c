//! Stops asking a server that does not answer, and finds out when it does.

use std::{
    future::Future,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use tokio::{runtime::Handle, time::sleep};

use super::{error::Error, settings::Settings};

/// Open after so many failures in a row; closed by a probe only, so that a
/// late success of a call from before proves nothing.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    open: AtomicBool,
    failures: AtomicU32,
    probing: AtomicBool,
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
    fn failed(&self, limit: u32) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        failures.saturating_add(1) >= limit && !self.open.swap(true, Ordering::AcqRel)
    }

    fn close(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.open.store(false, Ordering::Release);
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

/// Whether calls are refused. An open breaker has somebody probing.
pub(super) fn is_shut<G: Guarded>(guarded: &Arc<G>) -> bool {
    let shut = guarded.breaker().is_open();
    if shut {
        keep_probing(guarded);
    }
    shut
}

/// Counts a call for or against the breaker.
pub(super) fn judge<G: Guarded>(guarded: &Arc<G>, error: Option<&Error>) {
    let breaker = guarded.breaker();
    if error.is_some_and(Error::is_cut) {
        return;
    }
    let Some(error) = error.filter(|error| error.is_outage()) else {
        return breaker.succeeded();
    };
    if breaker.failed(guarded.settings().failures) {
        guarded.settings().counters.opened.add();
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

/// Starts a probe unless one is under way. One that went down with its runtime
/// is not: the next caller, on another runtime, starts it again.
fn keep_probing<G: Guarded>(guarded: &Arc<G>) {
    let probing = &guarded.breaker().probing;
    if probing.load(Ordering::Relaxed) || probing.swap(true, Ordering::AcqRel) {
        return;
    }
    let turn = Turn(Arc::downgrade(guarded));
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(until_it_passes(turn, guarded.settings().probe_every));
    }
}

async fn until_it_passes<G: Guarded>(turn: Turn<G>, every: std::time::Duration) {
    loop {
        sleep(every).await;
        // When all handles are gone, nobody asks any more.
        let Some(guarded) = turn.0.upgrade() else {
            return;
        };
        match guarded.probe().await {
            Ok(()) => return closed(&guarded),
            Err(error) => tracing::debug!(
                target: "sluicegate::redis",
                server = guarded.name(),
            lane = guarded.settings().lane(),
                %error,
                "a probe failed",
            ),
        }
    }
}

fn closed<G: Guarded>(guarded: &Arc<G>) {
    guarded.breaker().close();
    guarded.settings().counters.closed.add();
    tracing::info!(
        target: "sluicegate::redis",
        server = guarded.name(),
        lane = guarded.settings().lane(),
        "redis answers again",
    );
}

/// The right to probe; given back when the probe ends in whatever way.
struct Turn<G: Guarded>(Weak<G>);

impl<G: Guarded> Drop for Turn<G> {
    fn drop(&mut self) {
        if let Some(guarded) = self.0.upgrade() {
            guarded.breaker().probing.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_once_after_so_many_failures_in_a_row() {
        let breaker = Breaker::default();
        assert!(!breaker.failed(3) && !breaker.failed(3));
        breaker.succeeded();
        assert!(!breaker.failed(3) && !breaker.failed(3) && !breaker.is_open());
        assert!(breaker.failed(3) && breaker.is_open());
        assert!(!breaker.failed(3));
    }

    #[test]
    fn only_a_probe_closes_it() {
        let breaker = Breaker::default();
        assert!(breaker.failed(1));
        breaker.succeeded();
        assert!(breaker.is_open());
        breaker.close();
        assert!(!breaker.is_open());
        assert!(breaker.failed(1));
    }
}
