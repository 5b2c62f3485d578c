//! Events of retries, for metrics and logs.

use std::{fmt, sync::atomic::Ordering::Relaxed};

use super::outcome::Progress;

/// Receives an [`Event`] for each attempt of a call: the place to attach
/// metrics.
///
/// It is called on the path of a call, so it should be quick. [`Counts`] is an
/// implementation that counts, and a [`Registry`](crate::red::Registry) of RED
/// metrics is one that exports its counts.
///
/// ```
/// use sluicegate::client::retry::{Event, Observe};
///
/// #[derive(Debug)]
/// struct Print;
///
/// impl Observe for Print {
///     fn noticed(&self, event: &Event) {
///         if let Event::Stopped(stop) = event {
///             println!("no retry: {}", stop.as_str());
///         }
///     }
/// }
/// ```
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// Called with each event, from the task of the call.
    fn noticed(&self, event: &Event);
}

/// Something that happened to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A call began, with its first attempt.
    Called,
    /// A call is sent again, after an attempt that came so far.
    Retried(Progress),
    /// A call has failed, and is not sent again for this reason.
    Stopped(Stop),
    /// A call was passed on, because a layer further out retries it. One of the
    /// two layers should go.
    Nested,
    /// Redis did not decide about a retry, so the budget of the process did.
    FleetUnavailable,
}

/// Why a call that has failed is not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stop {
    /// It may have been processed, and may not be repeated.
    NotRepeatable,
    /// It was sent as often as is allowed.
    Attempts,
    /// The budget of retries is used up.
    Budget,
    /// The deadline would pass before the retry.
    Deadline,
    /// The server forbids it, or wants it later than the longest delay.
    Forbidden,
    /// The body of the request is too large to be kept, or has failed.
    Body,
    /// A layer of this process has refused it.
    Refused,
    /// A layer further in has sent it again already.
    Nested,
}

impl Stop {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::NotRepeatable,
        Self::Attempts,
        Self::Budget,
        Self::Deadline,
        Self::Forbidden,
        Self::Body,
        Self::Refused,
        Self::Nested,
    ];

    /// Returns the value of the label `reason` in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRepeatable => "not_repeatable",
            Self::Attempts => "attempts",
            Self::Budget => "budget",
            Self::Deadline => "deadline",
            Self::Forbidden => "forbidden",
            Self::Body => "body",
            Self::Refused => "refused",
            Self::Nested => "nested",
        }
    }
}

counters! {
    /// An observer that counts events.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sluicegate::client::{RetryLayer, retry::Counts};
    ///
    /// let counts = Arc::new(Counts::default());
    /// let layer = RetryLayer::new().observe(counts.clone());
    /// assert_eq!(counts.snapshot().attempts(), 0);
    /// # let _ = layer;
    /// ```
    pub struct Counts(Event);

    /// The values of [`Counts`] at one time.
    pub struct Snapshot {
        /// Calls, each with a first attempt.
        called: Event::Called,
        /// Calls that were sent again, because they were not sent.
        retried_not_sent: Event::Retried(Progress::NotSent),
        /// Calls that were sent again, because they were not processed.
        retried_not_processed: Event::Retried(Progress::NotProcessed),
        /// Calls that were sent again, although they may have been processed.
        retried_unknown: Event::Retried(Progress::Unknown),
        /// Failed calls that may not be repeated.
        stopped_not_repeatable: Event::Stopped(Stop::NotRepeatable),
        /// Failed calls that were sent as often as is allowed.
        stopped_by_attempts: Event::Stopped(Stop::Attempts),
        /// Failed calls without a retry in the budget.
        stopped_by_budget: Event::Stopped(Stop::Budget),
        /// Failed calls without time for a retry.
        stopped_by_deadline: Event::Stopped(Stop::Deadline),
        /// Failed calls that the server does not want again.
        stopped_forbidden: Event::Stopped(Stop::Forbidden),
        /// Failed calls whose body was not kept.
        stopped_by_body: Event::Stopped(Stop::Body),
        /// Calls that a layer of this process has refused.
        stopped_refused: Event::Stopped(Stop::Refused),
        /// Failed calls that a layer further in has repeated.
        stopped_nested: Event::Stopped(Stop::Nested),
        /// Calls that were passed on to a layer further out.
        nested: Event::Nested,
        /// Retries that Redis did not decide about.
        fleet_unavailable: Event::FleetUnavailable,
    }
}

impl Snapshot {
    /// Returns how many attempts there were, the first of each call included.
    pub fn attempts(&self) -> u64 {
        self.called + self.retries()
    }

    /// Returns how many attempts there were beside the first of each call.
    pub fn retries(&self) -> u64 {
        self.retried_not_sent + self.retried_not_processed + self.retried_unknown
    }

    /// Returns how many failed calls were not sent again for this reason.
    pub fn stopped(&self, stop: Stop) -> u64 {
        match stop {
            Stop::NotRepeatable => self.stopped_not_repeatable,
            Stop::Attempts => self.stopped_by_attempts,
            Stop::Budget => self.stopped_by_budget,
            Stop::Deadline => self.stopped_by_deadline,
            Stop::Forbidden => self.stopped_forbidden,
            Stop::Body => self.stopped_by_body,
            Stop::Refused => self.stopped_refused,
            Stop::Nested => self.stopped_nested,
        }
    }
}

impl Observe for Counts {
    fn noticed(&self, event: &Event) {
        self.counter(event).fetch_add(1, Relaxed);
    }
}
