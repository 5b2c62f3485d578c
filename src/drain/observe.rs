//! Events of drains, for metrics and logs.

use std::{fmt, sync::atomic::Ordering::Relaxed};

use super::stage::Stage;

/// Receives an [`Event`] for each stage of a drain, and for each request that
/// ends while it drains: the place to attach metrics.
///
/// It is called on the path of a request, so it should be quick. [`Counts`] is
/// an implementation that counts.
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// Called with each event.
    fn noticed(&self, event: &Event);
}

/// Something that happened in a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The drain has come to this stage. Stages of no time may be left out.
    Entered(Stage),
    /// A request came too late and was refused.
    Refused,
    /// A request, or work under a guard, ended in this way while the drain ran.
    Ended(Ending),
    /// A connection became a tunnel, such as a WebSocket, and its handler holds
    /// no [`DrainGuard`](super::DrainGuard). It is noticed at any time.
    Unguarded,
}

/// How a request, or work under a guard, ended during a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// By itself, before cancellations fired.
    Finished,
    /// After cancellations fired, and before the abort: by itself, or with the
    /// last words of a stream.
    Cancelled,
    /// It was cut by the abort.
    Aborted,
    /// It was dropped before its end, because its client was gone or its
    /// handler panicked.
    Dropped,
}

impl Ending {
    /// All ends.
    pub const ALL: [Self; 4] = [
        Self::Finished,
        Self::Cancelled,
        Self::Aborted,
        Self::Dropped,
    ];

    /// Returns the value of the label `end` in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::Aborted => "aborted",
            Self::Dropped => "dropped",
        }
    }
}

counters! {
    /// An observer that counts events.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sluicegate::drain::{Counts, Drain, Ending};
    ///
    /// let counts = Arc::new(Counts::default());
    /// let drain = Drain::builder().observe(counts.clone()).build();
    /// assert_eq!(counts.snapshot().ended(Ending::Aborted), 0);
    /// # let _ = drain;
    /// ```
    pub struct Counts(Event);

    /// The values of [`Counts`] at one time.
    pub struct Snapshot {
        /// Stages that drains have come to.
        entered: Event::Entered(_),
        /// Late requests that were refused.
        refused: Event::Refused,
        /// Requests and guarded work that ended before cancellations fired.
        finished: Event::Ended(Ending::Finished),
        /// Requests and guarded work that ended after cancellations fired.
        cancelled: Event::Ended(Ending::Cancelled),
        /// Requests and guarded work that the abort cut.
        aborted: Event::Ended(Ending::Aborted),
        /// Requests that were dropped before their end.
        dropped: Event::Ended(Ending::Dropped),
        /// Connections that became tunnels without a guard.
        unguarded: Event::Unguarded,
    }
}

impl Snapshot {
    /// Returns how many requests, and how much guarded work, ended in this way.
    pub fn ended(&self, end: Ending) -> u64 {
        match end {
            Ending::Finished => self.finished,
            Ending::Cancelled => self.cancelled,
            Ending::Aborted => self.aborted,
            Ending::Dropped => self.dropped,
        }
    }
}

impl Observe for Counts {
    fn noticed(&self, event: &Event) {
        self.counter(event).fetch_add(1, Relaxed);
    }
}
