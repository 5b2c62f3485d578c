//! The counts of one window. `controller` counts into it, from all threads.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::{clock::Tick, concurrency::priority::rank::Rank, criticality::Criticality};

/// One count for each level.
const LEVELS: usize = Criticality::ALL.len();

/// The counts of the window that is open.
///
/// Closing it takes each count once, so an event that races with the end is in
/// one of the two windows.
pub(super) struct RankWindow {
    /// Arrivals by the index of their rank.
    arrived: Box<[AtomicU32; Rank::COUNT]>,
    admitted: [AtomicU32; LEVELS],
    /// Requests that the limit refused, with those that waited in vain.
    refused: [AtomicU32; LEVELS],
    /// Requests that waited in vain.
    gave_up: [AtomicU32; LEVELS],
    waited: [AtomicU64; LEVELS],
}

/// The counts of a window that has ended.
pub(super) struct ClosedWindow {
    arrived: Box<[u32; Rank::COUNT]>,
    admitted: [u64; LEVELS],
    refused: [u64; LEVELS],
    gave_up: [u64; LEVELS],
    waited: [Tick; LEVELS],
}

impl RankWindow {
    pub(super) fn new() -> Self {
        Self {
            arrived: Box::new([const { AtomicU32::new(0) }; Rank::COUNT]),
            admitted: Default::default(),
            refused: Default::default(),
            gave_up: Default::default(),
            waited: Default::default(),
        }
    }

    #[inline]
    pub(super) fn arrived(&self, rank: Rank) {
        self.arrived[usize::from(rank.index())].fetch_add(1, Relaxed);
    }

    #[inline]
    pub(super) fn admitted(&self, rank: Rank, waited: Tick) {
        self.admitted[level(rank)].fetch_add(1, Relaxed);
        if waited > 0 {
            self.waited[level(rank)].fetch_add(waited, Relaxed);
        }
    }

    pub(super) fn refused(&self, rank: Rank, waited: Tick) {
        self.refused[level(rank)].fetch_add(1, Relaxed);
        if waited > 0 {
            self.gave_up[level(rank)].fetch_add(1, Relaxed);
            self.waited[level(rank)].fetch_add(waited, Relaxed);
        }
    }

    /// Ends the window and begins the next one.
    pub(super) fn close(&self) -> ClosedWindow {
        let take = |count: &AtomicU32| count.swap(0, Relaxed);
        let mut arrived = Box::new([0; Rank::COUNT]);
        for (closed, open) in arrived.iter_mut().zip(&*self.arrived) {
            *closed = take(open);
        }
        ClosedWindow {
            arrived,
            admitted: self.admitted.each_ref().map(|it| take(it).into()),
            refused: self.refused.each_ref().map(|it| take(it).into()),
            gave_up: self.gave_up.each_ref().map(|it| take(it).into()),
            waited: self.waited.each_ref().map(|it| it.swap(0, Relaxed)),
        }
    }
}

impl ClosedWindow {
    /// Returns the number of requests that got a permit.
    pub(super) fn admitted(&self) -> u64 {
        self.admitted.iter().sum()
    }

    /// Returns the number of arrivals that were not below the cut-off.
    pub(super) fn kept(&self, cut_off: Rank) -> u64 {
        sum(&self.arrived[usize::from(cut_off.index())..])
    }

    /// Returns the highest level for which the service is overloaded even
    /// without the levels below it; `None` if there is none.
    pub(super) fn overloaded_level(
        &self,
        target: Tick,
        percent: u64,
        cut_off: Rank,
    ) -> Option<Criticality> {
        let mut levels = Criticality::ALL.into_iter().rev();
        levels.find(|level| {
            let lowest = Rank::new(*level, Rank::COHORTS - 1);
            self.is_slow(*level, target) || self.is_full(*level, percent, lowest.max(cut_off))
        })
    }

    /// Returns whether the mean wait of this level and those above was longer
    /// than `target`.
    fn is_slow(&self, from: Criticality, target: Tick) -> bool {
        let from = from as usize..;
        let of = |counts: &[u64; LEVELS]| counts[from.clone()].iter().sum::<u64>();
        let waits = of(&self.admitted) + of(&self.gave_up);
        of(&self.waited) > target.saturating_mul(waits)
    }

    /// Returns whether the limit refused more than this share of the arrivals
    /// of this level and those above that were not below the cut-off.
    fn is_full(&self, from: Criticality, percent: u64, cut_off: Rank) -> bool {
        let refused: u64 = self.refused[from as usize..].iter().sum();
        refused * 100 > self.kept(cut_off) * percent
    }

    /// Returns the highest level of which the limit refused more than this
    /// share while a request of a lower level got a permit.
    pub(super) fn wronged_level(&self, per_mille: u64) -> Option<Criticality> {
        let cohorts = usize::from(Rank::COHORTS);
        let mut levels = Criticality::ALL.into_iter().rev();
        levels.find(|level| {
            let level = *level as usize;
            let arrived = sum(&self.arrived[level * cohorts..(level + 1) * cohorts]);
            let is_lower_admitted = self.admitted[..level].iter().any(|it| *it > 0);
            is_lower_admitted && self.refused[level] * 1_000 > arrived * per_mille
        })
    }

    /// Returns the lowest rank whose higher ranks had fewer than `expected`
    /// arrivals.
    pub(super) fn rank_of(&self, expected: u64) -> Rank {
        let mut higher = 0;
        let mut lowest = Rank::HIGHEST;
        for index in (0..Rank::COUNT).rev() {
            // The highest rank with arrivals is kept, however few are expected.
            if higher >= expected.max(1) {
                break;
            }
            lowest = Rank::at(index as u16);
            higher += u64::from(self.arrived[index]);
        }
        lowest
    }
}

fn level(rank: Rank) -> usize {
    rank.criticality() as usize
}

fn sum(counts: &[u32]) -> u64 {
    counts.iter().copied().map(u64::from).sum()
}
