//! What happened, for those who count.

use std::{
    fmt,
    iter::Sum,
    ops::Add,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use super::decision::Decision;

/// Is told of every decision of a layer (but not of a request that is dropped
/// while it waits for one), and of every bucket that a full table
/// had to forget. This is where metrics attach.
///
/// It is called on the path of a request, so it should be quick. [`Counts`] is
/// one that counts; any other takes one method:
///
/// ```
/// use sluicegate::limit::{Event, Observe, Outcome};
///
/// #[derive(Debug)]
/// struct Print;
///
/// impl Observe for Print {
///     fn decided(&self, event: &Event<'_>) {
///         if event.outcome == Outcome::Refused {
///             println!("{} refused, retry after {:?}", event.limiter, event.decision.and_then(|d| d.retry_after()));
///         }
///     }
/// }
/// ```
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// The layer decided about a request.
    fn decided(&self, event: &Event<'_>);

    /// A limiter of this name forgot a bucket that was still alive, because
    /// its table is full. Give it the same observer as the layer, by
    /// [`LocalBuilder::observe`](super::LocalBuilder::observe). It may be called
    /// while somebody takes a place in a line: it must not ask the limiter.
    fn forgotten(&self, limiter: &str) {
        let _ = limiter;
    }

    /// The store of this limiter did not answer, so its policy decided. Give it
    /// the same observer as the layer.
    fn fell_back(&self, limiter: &str) {
        let _ = limiter;
    }
}

/// One decision of a layer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The name of the limit that decided, or that there is no key for; empty for
    /// an exempt request, which has nothing to do with any.
    pub limiter: &'a str,
    /// What became of the request.
    pub outcome: Outcome,
    /// The decision, where there was one.
    pub decision: Option<&'a Decision>,
}

impl<'a> Event<'a> {
    pub(crate) fn new(limiter: &'a str, outcome: Outcome, decision: Option<&'a Decision>) -> Self {
        Self {
            limiter,
            outcome,
            decision,
        }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It passed at once.
    Admitted,
    /// It passed after it had waited.
    Waited,
    /// It was refused.
    Refused,
    /// It would have been refused, or would have had to wait, but the layer only
    /// watches (shadow mode).
    Shadowed,
    /// It was not asked about.
    Exempt,
    /// It has no key, and the layer lets such requests pass.
    Keyless,
    /// The limiter could not decide, so it was refused, or passed in shadow mode.
    Failed,
}

impl Outcome {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::Admitted,
        Self::Waited,
        Self::Refused,
        Self::Shadowed,
        Self::Exempt,
        Self::Keyless,
        Self::Failed,
    ];

    /// Its name, as the label `verdict` has it.
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

/// An observer that counts.
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
#[derive(Debug, Default)]
pub struct Counts {
    admitted: AtomicU64,
    waited: AtomicU64,
    refused: AtomicU64,
    shadowed: AtomicU64,
    exempt: AtomicU64,
    keyless: AtomicU64,
    failed: AtomicU64,
    forgotten: AtomicU64,
    fell_back: AtomicU64,
}

/// What [`Counts`] had counted at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Requests that passed at once.
    pub admitted: u64,
    /// Requests that passed after they had waited.
    pub waited: u64,
    /// Requests refused.
    pub refused: u64,
    /// Requests that passed in shadow mode, but would have been refused or would
    /// have had to wait.
    pub shadowed: u64,
    /// Requests not asked about.
    pub exempt: u64,
    /// Requests without a key that passed.
    pub keyless: u64,
    /// Requests about which the limiter could not decide.
    pub failed: u64,
    /// Buckets forgotten alive because the table is full.
    pub forgotten: u64,
    /// Checks that a store did not answer, so that a policy decided.
    pub fell_back: u64,
}

impl Counts {
    /// All counts; each is exact, but they are not read in one instant.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            admitted: self.admitted.load(Relaxed),
            waited: self.waited.load(Relaxed),
            refused: self.refused.load(Relaxed),
            shadowed: self.shadowed.load(Relaxed),
            exempt: self.exempt.load(Relaxed),
            keyless: self.keyless.load(Relaxed),
            failed: self.failed.load(Relaxed),
            forgotten: self.forgotten.load(Relaxed),
            fell_back: self.fell_back.load(Relaxed),
        }
    }
}

impl Snapshot {
    /// How many requests this became of.
    pub fn count(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Admitted => self.admitted,
            Outcome::Waited => self.waited,
            Outcome::Refused => self.refused,
            Outcome::Shadowed => self.shadowed,
            Outcome::Exempt => self.exempt,
            Outcome::Keyless => self.keyless,
            Outcome::Failed => self.failed,
        }
    }
}

impl Add for Snapshot {
    type Output = Self;

    fn add(self, others: Self) -> Self {
        Self {
            admitted: self.admitted + others.admitted,
            waited: self.waited + others.waited,
            refused: self.refused + others.refused,
            shadowed: self.shadowed + others.shadowed,
            exempt: self.exempt + others.exempt,
            keyless: self.keyless + others.keyless,
            failed: self.failed + others.failed,
            forgotten: self.forgotten + others.forgotten,
            fell_back: self.fell_back + others.fell_back,
        }
    }
}

impl Sum for Snapshot {
    fn sum<I: Iterator<Item = Self>>(snapshots: I) -> Self {
        snapshots.fold(Self::default(), Self::add)
    }
}

impl Observe for Counts {
    fn decided(&self, event: &Event<'_>) {
        let count = match event.outcome {
            Outcome::Admitted => &self.admitted,
            Outcome::Waited => &self.waited,
            Outcome::Refused => &self.refused,
            Outcome::Shadowed => &self.shadowed,
            Outcome::Exempt => &self.exempt,
            Outcome::Keyless => &self.keyless,
            Outcome::Failed => &self.failed,
        };
        count.fetch_add(1, Relaxed);
    }

    fn forgotten(&self, _limiter: &str) {
        self.forgotten.fetch_add(1, Relaxed);
    }

    fn fell_back(&self, _limiter: &str) {
        self.fell_back.fetch_add(1, Relaxed);
    }
}
