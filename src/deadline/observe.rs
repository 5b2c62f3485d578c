//! Events of deadlines, for metrics and logs.
//!
//! Both layers tell them, the one that enforces deadlines and the one that
//! propagates them: of the latter come `Malformed` and
//! `Exceeded(Stage::Client)`.

use std::{fmt, sync::atomic::Ordering::Relaxed, time::Duration};

/// Receives an [`Event`] for each request under a layer of this module: the
/// place to attach metrics.
///
/// It is called on the path of a request, so it should be quick. [`Counts`] is
/// an implementation that counts.
///
/// ```
/// use sluicegate::deadline::{Event, Observe};
///
/// #[derive(Debug)]
/// struct Print;
///
/// impl Observe for Print {
///     fn noticed(&self, event: &Event) {
///         if let Event::Exceeded(stage) = event {
///             println!("deadline exceeded in {}", stage.as_str());
///         }
///     }
/// }
/// ```
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// Called with each event, from the task of the request.
    fn noticed(&self, event: &Event);
}

/// Something that happened to a request because of its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A request came in with this much time left; `None` if it has no
    /// deadline.
    Entered(Option<Duration>),
    /// A request asked for more time than it is given.
    Clamped,
    /// A request carried a timeout that cannot be read.
    Malformed,
    /// A request was refused at once, because too little time was left.
    Rejected,
    /// A request with too little time left was let in, because the budget of
    /// [rejections](super::EnforceDeadlineLayer::reject_at_most) was used up.
    AdmittedOverBudget,
    /// The deadline of a request passed at this stage.
    Exceeded(Stage),
}

/// How far a request had come when its deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before the head of the response was there.
    Handler,
    /// In the body of the response.
    Body,
    /// In a call to another service, before or after it was sent.
    Client,
}

impl Stage {
    /// All stages.
    pub const ALL: [Self; 3] = [Self::Handler, Self::Body, Self::Client];

    /// Returns the value of the label `stage` in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Body => "body",
            Self::Client => "client",
        }
    }
}

counters! {
    /// An observer that counts events.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sluicegate::deadline::{Counts, EnforceDeadlineLayer, Stage};
    ///
    /// let counts = Arc::new(Counts::default());
    /// let layer = EnforceDeadlineLayer::new().observe(counts.clone());
    /// assert_eq!(counts.snapshot().exceeded(Stage::Handler), 0);
    /// # let _ = layer;
    /// ```
    pub struct Counts(Event);

    /// The values of [`Counts`] at one time.
    pub struct Snapshot {
        /// Requests that came in.
        entered: Event::Entered(_),
        /// Requests that asked for more time than they are given.
        clamped: Event::Clamped,
        /// Timeouts that could not be read.
        malformed: Event::Malformed,
        /// Requests refused at once.
        rejected: Event::Rejected,
        /// Requests let in although too little time was left, because the
        /// budget of rejections was used up.
        admitted_over_budget: Event::AdmittedOverBudget,
        /// Requests whose deadline passed before the head of their response.
        exceeded_in_handler: Event::Exceeded(Stage::Handler),
        /// Requests whose deadline passed in the body of their response.
        exceeded_in_body: Event::Exceeded(Stage::Body),
        /// Calls to other services whose deadline passed.
        exceeded_in_client: Event::Exceeded(Stage::Client),
    }
}

impl Snapshot {
    /// Returns how many requests, or calls to other services, had their
    /// deadline pass at this stage.
    pub fn exceeded(&self, stage: Stage) -> u64 {
        match stage {
            Stage::Handler => self.exceeded_in_handler,
            Stage::Body => self.exceeded_in_body,
            Stage::Client => self.exceeded_in_client,
        }
    }
}

impl Observe for Counts {
    fn noticed(&self, event: &Event) {
        self.counter(event).fetch_add(1, Relaxed);
    }
}
