//! Events of calls that are held back, and an observer that counts them.

use std::{fmt, sync::atomic::Ordering::Relaxed, time::Duration};

/// Receives an [`Event`] for each call through the layer, and for what is
/// learned from its response: the place to attach metrics.
///
/// It is called on the path of a call, so it should be quick. [`Counts`] is an
/// implementation that counts.
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// Called with each event, from the task of the call.
    fn noticed(&self, event: &Event);
}

/// Something that happened to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It was sent at once.
    Passed,
    /// It was sent after it was held back for so long.
    Held(Duration),
    /// It was refused by the layer, because its turn would come too late.
    Refused,
    /// It was refused by the layer, because its deadline passed first.
    DeadlinePassed,
    /// It was sent in shadow mode, but would have been held back or refused
    /// otherwise.
    Shadowed,
    /// It was sent without a limit, because there are too many peers.
    Untracked,
    /// The server refused it, over a limit or overloaded.
    ServerRefused,
    /// The server wants a longer pause than the layer allows.
    Capped,
}

counters! {
    /// An observer that counts events.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sluicegate::client::obey::{Counts, ObeyLayer};
    ///
    /// let counts = Arc::new(Counts::default());
    /// let layer = ObeyLayer::new().observe(counts.clone());
    /// assert_eq!(counts.snapshot().server_refused, 0);
    /// # let _ = layer;
    /// ```
    pub struct Counts(Event);

    /// The values of [`Counts`] at one time.
    pub struct Snapshot {
        /// Calls sent at once.
        passed: Event::Passed,
        /// Calls sent after they were held back.
        held: Event::Held(_),
        /// Calls refused by the layer, because their turn would come too late.
        refused: Event::Refused,
        /// Calls refused by the layer, because their deadline passed.
        deadline_passed: Event::DeadlinePassed,
        /// Calls sent in shadow mode that would not have been sent at once.
        shadowed: Event::Shadowed,
        /// Calls sent without a limit, because there are too many peers.
        untracked: Event::Untracked,
        /// Calls that the server refused.
        server_refused: Event::ServerRefused,
        /// Pauses that were longer than the layer allows.
        capped: Event::Capped,
    }
}

impl Observe for Counts {
    fn noticed(&self, event: &Event) {
        self.counter(event).fetch_add(1, Relaxed);
    }
}
