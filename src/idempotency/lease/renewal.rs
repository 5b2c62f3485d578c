//! Renews one lease. [`RenewalQueue`](super::queue::RenewalQueue) starts it
//! when the first renewal is due.
//!
//! A lease counts as lost as soon as its time has passed on this side, even if
//! the store does not answer: another holder may have it by then. If a later
//! renewal succeeds, no other claimant has come.

use std::sync::{Arc, OnceLock};

use tokio::{
    runtime::Handle,
    task::AbortHandle,
    time::{Instant, sleep_until, timeout_at},
};

use super::{handle::Lease, settings::LeaseSettings};
use crate::idempotency::{
    claim::LeaseStatus, fingerprint::Fingerprint, observe::Event, scope::Name, store::Store,
};

/// A lease and what is needed to renew it and to record its work.
#[derive(Debug)]
pub(crate) struct Renewal<S> {
    /// A copy, because the claimant may be gone before its leases.
    pub(crate) settings: LeaseSettings<S>,
    pub(crate) name: Name,
    /// Needed to restore the work if the store loses it.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) lease: Lease,
    /// When the claim was sent. The store counts from a later moment, so that
    /// the lease is certain to last until this plus its time.
    asked: Instant,
    /// The runtime that renews: the one that was set, or that of the claim.
    pub(super) runtime: Handle,
    /// The task that renews, once it is started.
    task: OnceLock<AbortHandle>,
}

impl<S> Renewal<S> {
    /// Creates the renewal of a lease that was asked for at this time.
    pub(crate) fn new(
        settings: LeaseSettings<S>,
        (name, fingerprint): (Name, Fingerprint),
        lease: Lease,
        asked: Instant,
    ) -> Self {
        let runtime = settings.runtime.clone();
        Self {
            settings,
            name,
            fingerprint,
            lease,
            asked,
            runtime: runtime.unwrap_or_else(Handle::current),
            task: OnceLock::new(),
        }
    }

    /// Returns when the lease has to be renewed for the first time.
    pub(super) fn due(&self) -> Instant {
        self.asked + self.settings.pause()
    }

    /// Ends the task, if it was started.
    pub(super) fn stop(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

impl<S: Store> Renewal<S> {
    /// Starts the task that renews. The caller starts each renewal only once.
    pub(super) fn start(self: Arc<Self>) {
        let task = self.runtime.spawn(Arc::clone(&self).run());
        let _ = self.task.set(task.abort_handle());
    }

    /// Renews until the store says that the lease is lost.
    async fn run(self: Arc<Self>) {
        let mut held_since = self.asked;
        loop {
            let lapses = held_since + self.settings.lease;
            match timeout_at(lapses, self.renew_next(held_since)).await {
                Ok(Some(asked)) => held_since = asked,
                Ok(None) => return self.lease.lose(),
                Err(_) => {
                    self.lease.lose();
                    // Perhaps no other claimant has come. Then the next renewal
                    // gets the lease back.
                    held_since = Instant::now();
                }
            }
        }
    }

    /// Renews once, retrying while the store fails. Returns when it sent the
    /// successful request, or `None` if the lease is lost.
    async fn renew_next(&self, held_since: Instant) -> Option<Instant> {
        let settings = &self.settings;
        let mut due = held_since + settings.pause();
        loop {
            sleep_until(due).await;
            let (asked, token) = (Instant::now(), self.lease.token());
            if asked > due + settings.pause() {
                settings.notice(Event::RenewedLate);
            }
            let renewed = settings.store.renew(self.name, token, settings.lease);
            match renewed.await {
                Ok(LeaseStatus::Held) => return Some(asked),
                Ok(LeaseStatus::Lost) => return None,
                Err(_) => settings.notice(Event::StoreFailed),
            }
            due = Instant::now() + settings.pause();
        }
    }
}
