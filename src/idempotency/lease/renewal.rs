//! Keeps a lease from lapsing.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    task::AbortHandle,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    handle::Lease,
    queue::{Hearts, Place},
};
use crate::idempotency::{
    claim::LeaseStatus, claimant::Claimant, fingerprint::Fingerprint, observe::Event, scope::Name,
    store::Store,
};

/// Keeps a lease until it is dropped: renews it, unless its store keeps it by itself.
#[derive(Debug)]
pub(crate) struct Heartbeat<S: Store> {
    heart: Arc<Heart<S>>,
    /// None if the lease is pinned.
    place: Option<Place>,
}

impl<S: Store> Heartbeat<S> {
    /// Begins a third of the lease after it was asked for.
    pub(crate) fn start(heart: Heart<S>) -> Self {
        let heart = Arc::new(heart);
        let (store, token) = (&heart.claimant.store, heart.lease.token());
        let is_pinned = store.pin(heart.name, token, heart.time());
        let place = (!is_pinned).then(|| heart.others().add(&heart));
        Self { heart, place }
    }

    pub(crate) fn heart(&self) -> &Heart<S> {
        &self.heart
    }
}

impl<S: Store> Drop for Heartbeat<S> {
    fn drop(&mut self) {
        let Some(place) = self.place else {
            let (name, token) = (self.heart.name, self.heart.lease.token());
            return self.heart.claimant.store.unpin(name, token);
        };
        // From here on nobody starts it.
        self.heart.others().remove(place);
        if let Some(task) = self.heart.task.get() {
            task.abort();
        }
    }
}

/// What renews a lease.
#[derive(Debug)]
pub(crate) struct Heart<S> {
    pub(crate) claimant: Claimant<S>,
    pub(crate) name: Name,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) lease: Lease,
    /// When the lease was asked for, so that it lapses its time after that, or later.
    asked: Instant,
    /// The runtime that was set, or else the one that it was asked on.
    runtime: Handle,
    /// Once it beats.
    task: OnceLock<AbortHandle>,
}

impl<S> Heart<S> {
    pub(crate) fn new(
        claimant: Claimant<S>,
        (name, fingerprint): (Name, Fingerprint),
        lease: Lease,
        asked: Instant,
    ) -> Self {
        let runtime = claimant.runtime.clone();
        Self {
            claimant,
            name,
            fingerprint,
            lease,
            asked,
            runtime: runtime.unwrap_or_else(Handle::current),
            task: OnceLock::new(),
        }
    }

    fn others(&self) -> &Hearts<S> {
        &self.claimant.hearts
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// When it has to beat for the first time.
    pub(crate) fn due(&self) -> Instant {
        self.asked + self.pause()
    }

    fn time(&self) -> Duration {
        self.claimant.lease
    }

    fn pause(&self) -> Duration {
        self.time() / 3
    }
}

impl<S: Store> Heart<S> {
    /// Has it beat in a task of its own.
    pub(crate) fn start(self: Arc<Self>) {
        let task = self.runtime.spawn(Arc::clone(&self).beat());
        // It is started once.
        let _ = self.task.set(task.abort_handle());
    }

    async fn beat(self: Arc<Self>) {
        let mut since = self.asked;
        loop {
            match timeout_at(since + self.time(), self.next(since)).await {
                Ok(Some(asked)) => since = asked,
                Ok(None) => return self.lease.lose(),
                Err(_) => {
                    self.lease.lose();
                    // Nobody may have taken it even so, and then it is held again.
                    since = Instant::now();
                }
            }
        }
    }

    /// Renews; answers when it asked for that, or nothing if the lease is lost.
    async fn next(&self, since: Instant) -> Option<Instant> {
        let mut due = since + self.pause();
        loop {
            sleep_until(due).await;
            let (asked, token) = (Instant::now(), self.lease.token());
            if asked > due + self.pause() {
                self.claimant.notice(Event::RenewedLate);
            }
            let store = &self.claimant.store;
            match store.renew(self.name, token, self.time()).await {
                Ok(LeaseStatus::Held) => return Some(asked),
                Ok(LeaseStatus::Lost) => return None,
                Err(_) => self.claimant.notice(Event::StoreFailed),
            }
            due = Instant::now() + self.pause();
        }
    }
}
