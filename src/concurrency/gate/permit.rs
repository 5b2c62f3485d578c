//! The right to be served, which a request holds until it ends.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    gate::Gate,
    usage::Load,
    waiters::GrantedPermit,
    work::{Work, WorkEnd},
};
use crate::concurrency::priority::Rank;

/// The right to be served: one of a limited number. Dropping it gives it back.
///
/// ```
/// use sluicegate::concurrency::{Ask, Entry, Local};
///
/// let permits = Local::new(1);
/// let Entry::Admitted(permit) = permits.acquire(Ask::new()) else { panic!() };
/// assert!(matches!(permits.acquire(Ask::new()), Entry::Refused(_)));
/// drop(permit);
/// assert!(matches!(permits.acquire(Ask::new()), Entry::Admitted(_)));
/// ```
#[must_use = "a permit is given back when it is dropped"]
pub struct Permit {
    gate: Arc<Gate>,
    /// When it was admitted, if the time that it takes is of interest.
    since: Option<Instant>,
    /// In nanoseconds: responses move a permit through the layers, so that it
    /// has to be small.
    waited: u64,
    /// The permits in flight at the admission.
    in_flight: u32,
    rank: Rank,
    end: WorkEnd,
}

impl Permit {
    /// A permit that was free when the request came.
    #[inline]
    pub(super) fn at_once(gate: Arc<Gate>, rank: Rank, in_flight: u32) -> Self {
        let since = gate.is_timed(in_flight).then(Instant::now);
        Self {
            gate,
            since,
            waited: 0,
            in_flight,
            rank,
            end: WorkEnd::Ignored,
        }
    }

    /// A permit that a request has waited for.
    pub(super) fn after(gate: Arc<Gate>, rank: Rank, grant: GrantedPermit) -> Self {
        Self {
            gate,
            since: Some(grant.at),
            // No wait lasts 584 years.
            waited: u64::try_from(grant.waited.as_nanos()).unwrap_or(u64::MAX),
            in_flight: grant.in_flight,
            rank,
            end: WorkEnd::Ignored,
        }
    }

    /// Returns the rank of the request.
    #[inline]
    pub fn rank(&self) -> Rank {
        self.rank
    }

    /// Returns how long the request waited in the queue.
    #[inline]
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited)
    }

    /// Returns how many permits were in flight when this one was given, with
    /// it.
    #[inline]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Returns whether the end of the work is of interest: an adaptive limit
    /// learns from it.
    #[inline]
    pub(crate) fn learns(&self) -> bool {
        self.gate.learns()
    }

    /// Returns the limit and the permits in flight now.
    #[inline]
    pub fn load(&self) -> Load {
        self.gate.load()
    }

    /// Tells the gate how long the work took, and how it ended.
    fn note(&self, since: Instant) {
        let now = Instant::now();
        self.gate.note(Work {
            at: now,
            took: now.saturating_duration_since(since),
            in_flight: self.in_flight,
            end: self.end,
        });
    }

    /// Gives the permit back, and tells an adaptive limit how the work ended. A
    /// permit that is only dropped counts as [`WorkEnd::Ignored`].
    #[inline]
    pub fn end(mut self, end: WorkEnd) {
        self.ends_as(end);
    }

    /// Says how the work has ended, before the permit is dropped in its place.
    #[inline]
    pub(crate) fn ends_as(&mut self, end: WorkEnd) {
        self.end = end;
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if let Some(since) = self.since {
            self.note(since);
        }
        self.gate.release();
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("rank", &self.rank)
            .field("waited", &self.waited())
            .finish_non_exhaustive()
    }
}
