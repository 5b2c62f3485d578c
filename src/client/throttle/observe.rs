//! Events of throttled calls, and an observer that counts them.

use std::{fmt, sync::atomic::Ordering::Relaxed};

use crate::criticality::Criticality;

/// Receives an [`Event`] for each call through the layer, and for its response:
/// the place to attach metrics.
///
/// It is called on the path of a call, so it should be quick. [`Counts`] is an
/// implementation that counts.
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// Called with each event, from the task of the call.
    fn noticed(&self, event: &Event, criticality: Criticality);
}

/// Something that happened to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// It was sent.
    Passed,
    /// The layer refused it.
    Refused,
    /// It was sent in shadow mode, but would have been refused otherwise.
    Shadowed,
    /// It was sent without a limit, because there are too many peers.
    Untracked,
    /// The server accepted it.
    Accepted,
    /// The server did not accept it, or did not answer.
    Rejected,
}

counters! {
    /// An observer that counts events.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sluicegate::client::throttle::{Counts, ThrottleLayer};
    ///
    /// let counts = Arc::new(Counts::default());
    /// let layer = ThrottleLayer::new().shadow(true).observe(counts.clone());
    /// # let _ = layer;
    /// // After a day of traffic: how many calls would have been refused.
    /// println!("{}", counts.snapshot().shadowed);
    /// ```
    pub struct Counts(Event);

    /// The values of [`Counts`] at one time.
    pub struct Snapshot {
        /// Calls sent.
        passed: Event::Passed,
        /// Calls refused by the layer.
        refused: Event::Refused,
        /// Calls sent in shadow mode that would have been refused.
        shadowed: Event::Shadowed,
        /// Calls sent without a limit, because there are too many peers.
        untracked: Event::Untracked,
        /// Calls that the server accepted.
        accepted: Event::Accepted,
        /// Calls that the server did not accept.
        rejected: Event::Rejected,
    }
}

impl Observe for Counts {
    fn noticed(&self, event: &Event, _criticality: Criticality) {
        self.counter(event).fetch_add(1, Relaxed);
    }
}
