//! Events about decisions, and an observer that counts them.

use std::{fmt, sync::atomic::Ordering::Relaxed};

use super::decision::Decision;

/// Receives an event for every decision of a layer, and for every bucket that a
/// full table had to forget. This is where metrics attach.
///
/// A request that is dropped while it waits for a decision makes no event.
///
/// It is called on the path of a request, so it should be quick. [`Counts`]
/// counts events; an observer of your own needs one method:
/// ```
/// use sluicegate::limit::{Event, Observe, RequestOutcome};
///
/// #[derive(Debug)]
/// struct Print;
///
/// impl Observe for Print {
///     fn decided(&self, event: &Event<'_>) {
///         if event.outcome == RequestOutcome::Refused {
///             println!("{} refused, retry after {:?}", event.limiter, event.decision.and_then(|d| d.retry_after()));
///         }
///     }
/// }
/// ```
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// Called when a layer has decided about a request.
    fn decided(&self, event: &Event<'_>);

    /// Called when a limiter of this name forgot a bucket that was still in
    /// use, because its table is full. Give the limiter the same observer as
    /// the layer, by [`LocalBuilder::observe`](super::LocalBuilder::observe). A
    /// queue of the limiter may be locked meanwhile, so this must not ask the
    /// limiter.
    fn forgotten(&self, limiter: &str) {
        let _ = limiter;
    }

    /// Called when Redis did not answer a check of this limiter, so that its
    /// policy decided. Give the limiter the same observer as the layer.
    fn fell_back(&self, limiter: &str) {
        let _ = limiter;
    }
}

/// One decision of a layer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The name of the limit that decided, or that the request has no key for;
    /// empty for an exempt request.
    pub limiter: &'a str,
    /// The outcome for the request.
    pub outcome: RequestOutcome,
    /// The decision, where there was one.
    pub decision: Option<&'a Decision>,
}

/// The outcome of a check for the request.
///
/// ```
/// use sluicegate::limit::{Counts, RequestOutcome};
///
/// let counts = Counts::default().snapshot();
/// for outcome in RequestOutcome::ALL {
///     println!("{} {}", outcome.as_str(), counts.count(outcome));
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestOutcome {
    /// It passed at once.
    Admitted,
    /// It passed after it had waited.
    Waited,
    /// It was refused.
    Refused,
    /// It passed in shadow mode, but would have been refused or would have had
    /// to wait otherwise.
    Shadowed,
    /// The layer does not limit it.
    Exempt,
    /// It has no key, and passed because the layer lets such requests pass.
    Keyless,
    /// The limiter could not decide, so it was refused, or passed in shadow
    /// mode.
    Failed,
}

impl RequestOutcome {
    /// All outcomes.
    pub const ALL: [Self; 7] = [
        Self::Admitted,
        Self::Waited,
        Self::Refused,
        Self::Shadowed,
        Self::Exempt,
        Self::Keyless,
        Self::Failed,
    ];

    /// The value of the label `verdict` in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Waited => "waited",
            Self::Refused => "refused",
            Self::Shadowed => "shadowed",
            Self::Exempt => "exempt",
            Self::Keyless => "keyless",
            Self::Failed => "failed",
        }
    }
}

counters! {
    /// An observer that counts events.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sluicegate::limit::{Counts, Local, Quota, RateLimitLayer, TokenBucket};
    ///
    /// let counts = Arc::new(Counts::default());
    /// let limiter = Local::builder(TokenBucket::new(Quota::per_second(10)))
    ///     .observe(counts.clone())
    ///     .direct();
    /// let layer = RateLimitLayer::new(limiter).observe(counts.clone());
    /// assert_eq!(counts.snapshot().refused, 0);
    /// # let _ = layer;
    /// ```
    pub struct Counts(RequestOutcome);

    /// The values of [`Counts`] at one time.
    pub struct Snapshot {
        /// Requests that passed at once.
        admitted: RequestOutcome::Admitted,
        /// Requests that passed after they had waited.
        waited: RequestOutcome::Waited,
        /// Requests refused.
        refused: RequestOutcome::Refused,
        /// Requests that passed in shadow mode, but would have been refused or
        /// would have had to wait.
        shadowed: RequestOutcome::Shadowed,
        /// Requests that the layer does not limit.
        exempt: RequestOutcome::Exempt,
        /// Requests without a key that passed.
        keyless: RequestOutcome::Keyless,
        /// Requests about which the limiter could not decide.
        failed: RequestOutcome::Failed,
        /// Buckets forgotten while they were in use, because the table is full.
        forgotten,
        /// Checks that Redis did not answer, so that a policy decided.
        fell_back,
    }
}

impl Snapshot {
    /// Returns the number of requests with this outcome.
    pub fn count(&self, outcome: RequestOutcome) -> u64 {
        match outcome {
            RequestOutcome::Admitted => self.admitted,
            RequestOutcome::Waited => self.waited,
            RequestOutcome::Refused => self.refused,
            RequestOutcome::Shadowed => self.shadowed,
            RequestOutcome::Exempt => self.exempt,
            RequestOutcome::Keyless => self.keyless,
            RequestOutcome::Failed => self.failed,
        }
    }
}

impl Observe for Counts {
    fn decided(&self, event: &Event<'_>) {
        self.counter(&event.outcome).fetch_add(1, Relaxed);
    }

    fn forgotten(&self, _limiter: &str) {
        self.forgotten.fetch_add(1, Relaxed);
    }

    fn fell_back(&self, _limiter: &str) {
        self.fell_back.fetch_add(1, Relaxed);
    }
}
