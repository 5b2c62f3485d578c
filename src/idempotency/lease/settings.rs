//! The part of a [`Claimant`](crate::idempotency::Claimant) that its leases
//! need after the claim: each guard and each renewal has a clone of it.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;

use crate::idempotency::{
    observe::{Event, Observe},
    tracker::Tracker,
};

/// How leases are renewed and how their work is recorded.
#[derive(Clone, Debug)]
pub(crate) struct LeaseSettings<S> {
    /// Where the lease is held.
    pub(crate) store: S,
    /// How long a lease lasts unless it is renewed: 10 ms to a day.
    pub(crate) lease: Duration,
    /// How long a record is kept: at least 1 ms.
    pub(crate) keep: Duration,
    /// The size in bytes from which bodies are compressed; `None` for never.
    pub(crate) compress_from: Option<usize>,
    /// The runtime that renews leases; `None` for the one of the claim.
    pub(crate) runtime: Option<Handle>,
    /// Tracks reports that go on in the background.
    pub(crate) tracker: Tracker,
    /// Receives the events of leases; `None` if nothing does.
    pub(crate) observer: Option<Arc<dyn Observe>>,
}

impl<S> LeaseSettings<S> {
    /// Tells the observer about an event, if there is one.
    pub(crate) fn notice(&self, event: Event) {
        if let Some(observer) = &self.observer {
            observer.noticed(&event);
        }
    }

    /// Returns the time between two renewals: a third of the lease, so that two
    /// of them may fail before it lapses.
    pub(super) fn pause(&self) -> Duration {
        self.lease / 3
    }
}
