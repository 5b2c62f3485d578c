//! Events about requests for permits, and an observer that counts them.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::{gate::Load, priority::Rank, shed::Shed};
use crate::criticality::Criticality;

/// Receives an event for every request that a layer admits or refuses. This is
/// where metrics attach.
///
/// A request that is dropped while it waits in the queue makes no event.
///
/// It is called on the path of a request, so it should be quick. [`Counts`]
/// counts events; an observer of your own needs one method:
/// ```
/// use sluicegate::concurrency::{EntryOutcome, Event, Observe};
///
/// #[derive(Debug)]
/// struct Print;
///
/// impl Observe for Print {
///     fn decided(&self, event: &Event<'_>) {
///         if let EntryOutcome::Shed(shed) = event.outcome {
///             println!("{} refused {}: {shed}", event.limiter, event.rank);
///         }
///     }
/// }
/// ```
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// Called when a request was admitted or refused.
    fn decided(&self, event: &Event<'_>);

    /// Called when the lease of a fleet's permits has ended before so many
    /// requests that hold them, so that other instances may be given the
    /// permits. Give the limiter in Redis the same observer as the layer. It is
    /// called by a task of this crate.
    fn outlived(&self, limiter: &str, requests: u32) {
        let _ = (limiter, requests);
    }
}

/// A request that was admitted or refused.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The name of the limit; empty for an exempt request.
    pub limiter: &'a str,
    /// The outcome for the request.
    pub outcome: EntryOutcome,
    /// The rank of the request.
    pub rank: Rank,
    /// How long it waited in the queue.
    pub waited: Duration,
    /// The limit and the permits in flight after the outcome.
    pub load: Load,
}

impl<'a> Event<'a> {
    /// An event without a wait, about a limit of which nothing is known.
    pub(crate) fn new(limiter: &'a str, outcome: EntryOutcome, rank: Rank) -> Self {
        Self {
            limiter,
            outcome,
            rank,
            waited: Duration::ZERO,
            load: Load::default(),
        }
    }
}

/// The outcome of a request at a limit of concurrency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryOutcome {
    /// It passed at once.
    Admitted,
    /// It passed after it had waited.
    Waited,
    /// It was refused.
    Shed(Shed),
    /// It passed in shadow mode, but would have been refused otherwise.
    Shadowed(Shed),
    /// The layer does not limit it.
    Exempt,
    /// It has no key, and passed because the layer lets such requests pass.
    Keyless,
}

/// The number of reasons to refuse a request.
const SHEDS: usize = Shed::ALL.len();

/// The number of outcomes.
const OUTCOMES: usize = 4 + 2 * SHEDS;

impl EntryOutcome {
    /// Returns all outcomes.
    pub fn all() -> impl Iterator<Item = Self> {
        let shed = Shed::ALL.into_iter();
        [Self::Admitted, Self::Waited, Self::Exempt, Self::Keyless]
            .into_iter()
            .chain(shed.clone().map(Self::Shed))
            .chain(shed.map(Self::Shadowed))
    }

    /// The value of the label `verdict` in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Waited => "waited",
            Self::Shed(_) => "shed",
            Self::Shadowed(_) => "shadowed",
            Self::Exempt => "exempt",
            Self::Keyless => "keyless",
        }
    }

    /// Returns why the request was refused, or would have been.
    pub const fn reason(self) -> Option<Shed> {
        match self {
            Self::Shed(shed) | Self::Shadowed(shed) => Some(shed),
            _ => None,
        }
    }

    /// The place of its count.
    const fn index(self) -> usize {
        match self {
            Self::Admitted => 0,
            Self::Waited => 1,
            Self::Exempt => 2,
            Self::Keyless => 3,
            Self::Shed(shed) => 4 + shed as usize,
            Self::Shadowed(shed) => 4 + SHEDS + shed as usize,
        }
    }
}

/// An observer that counts events by outcome and level.
///
/// ```
/// use std::sync::Arc;
/// use sluicegate::{concurrency::{Counts, EntryOutcome}, criticality::Criticality};
///
/// let counts = Arc::new(Counts::default());
/// let snapshot = counts.snapshot();
/// assert_eq!(snapshot.count(EntryOutcome::Admitted), 0);
/// assert_eq!(snapshot.shed_of(Criticality::Critical), 0);
/// ```
#[derive(Debug, Default)]
pub struct Counts([[AtomicU64; OUTCOMES]; Criticality::ALL.len()]);

/// The values of [`Counts`] at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot([[u64; OUTCOMES]; Criticality::ALL.len()]);

impl Counts {
    /// Returns all counts. Each is exact, but they are not read at one instant.
    pub fn snapshot(&self) -> Snapshot {
        let read = |count: &AtomicU64| count.load(Relaxed);
        let levels = self.0.each_ref();
        Snapshot(levels.map(|outcomes| outcomes.each_ref().map(read)))
    }
}

impl Observe for Counts {
    fn decided(&self, event: &Event<'_>) {
        let level = event.rank.criticality() as usize;
        self.0[level][event.outcome.index()].fetch_add(1, Relaxed);
    }
}

impl Snapshot {
    /// Returns the number of requests with this outcome.
    pub fn count(&self, outcome: EntryOutcome) -> u64 {
        let levels = Criticality::ALL.into_iter();
        levels.map(|level| self.count_of(outcome, level)).sum()
    }

    /// Returns the number of requests of a level with this outcome.
    pub fn count_of(&self, outcome: EntryOutcome, level: Criticality) -> u64 {
        self.0[level as usize][outcome.index()]
    }

    /// Returns the number of refused requests of a level.
    pub fn shed_of(&self, level: Criticality) -> u64 {
        let shed = Shed::ALL.into_iter().map(EntryOutcome::Shed);
        shed.map(|outcome| self.count_of(outcome, level)).sum()
    }
}

/// The counts of both.
impl std::ops::Add for Snapshot {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        let mine = self.0.iter_mut().flatten();
        mine.zip(other.0.iter().flatten())
            .for_each(|(mine, theirs)| *mine += theirs);
        self
    }
}

/// Nothing counted.
impl Default for Snapshot {
    fn default() -> Self {
        Self([[0; OUTCOMES]; Criticality::ALL.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_of_each_level_has_a_count_of_its_own() {
        let counts = Counts::default();
        for level in Criticality::ALL {
            for outcome in EntryOutcome::all() {
                counts.decided(&Event::new("api", outcome, level.into()));
            }
        }
        let snapshot = counts.snapshot();
        assert_eq!(EntryOutcome::all().count(), OUTCOMES);
        for level in Criticality::ALL {
            assert!(EntryOutcome::all().all(|outcome| snapshot.count_of(outcome, level) == 1));
            assert_eq!(snapshot.shed_of(level), SHEDS as u64);
        }
        let twice = snapshot + snapshot;
        assert_eq!(twice.count(EntryOutcome::Shed(Shed::Full)), 8);
    }
}
