//! The state of a gate that changes with each request, in one atomic word: the
//! limit, the permits in flight, the cut-off, and whether any request waits.
//!
//! They share a word so that one compare-and-swap sees all of them. A request
//! that passes a limit or a cut-off passes the one that is in force.

use crate::concurrency::{gate::reserves::Reserves, priority::Rank, shed::Shed};

/// The bits of a count: of permits in flight, and of the limit.
const COUNT_BITS: u32 = 24;

/// The highest limit of a gate: 16,777,215.
pub(crate) const MAX_LIMIT: u32 = (1 << COUNT_BITS) - 1;

const LIMIT_SHIFT: u32 = COUNT_BITS;
const CUT_OFF_SHIFT: u32 = 2 * COUNT_BITS;
const CUT_OFF_MASK: u64 = 0x1ff << CUT_OFF_SHIFT;
const LIMIT_MASK: u64 = (MAX_LIMIT as u64) << LIMIT_SHIFT;

/// Set while a request waits. Then no request passes without the lock of the
/// queue, and each permit that comes back is passed on under it.
pub(super) const WAITING: u64 = 1 << 63;

/// One permit in flight. Added and subtracted in place, because the count is
/// in the lowest bits.
pub(super) const ONE: u64 = 1;

/// A copy of the word at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    /// Nothing in flight, no cut-off, and no waiting request.
    pub(super) fn new(limit: u32) -> Self {
        Self(0).with_limit(limit)
    }

    /// Returns the number of permits in flight.
    #[inline]
    pub(super) fn in_flight(self) -> u32 {
        (self.0 & u64::from(MAX_LIMIT)) as u32
    }

    /// Returns the limit.
    #[inline]
    pub(super) fn limit(self) -> u32 {
        ((self.0 & LIMIT_MASK) >> LIMIT_SHIFT) as u32
    }

    /// Returns the lowest rank that passes.
    #[inline]
    pub(super) fn cut_off(self) -> Rank {
        Rank::at(((self.0 & CUT_OFF_MASK) >> CUT_OFF_SHIFT) as u16)
    }

    /// Returns whether a request waits.
    #[inline]
    pub(super) fn has_waiters(self) -> bool {
        self.0 & WAITING != 0
    }

    /// Returns the word with this limit, at most [`MAX_LIMIT`].
    pub(super) fn with_limit(self, limit: u32) -> Self {
        let limit = u64::from(limit.min(MAX_LIMIT));
        Self(self.0 & !LIMIT_MASK | limit << LIMIT_SHIFT)
    }

    /// Returns the word with this cut-off.
    pub(super) fn with_cut_off(self, rank: Rank) -> Self {
        let cut_off = u64::from(rank.index());
        Self(self.0 & !CUT_OFF_MASK | cut_off << CUT_OFF_SHIFT)
    }

    /// Returns why a request of this rank does not pass; `None` if a permit is
    /// free for it.
    #[inline]
    pub(super) fn shed(self, rank: Rank, reserves: &Reserves) -> Option<Shed> {
        if rank < self.cut_off() {
            return Some(Shed::CutOff);
        }
        let in_flight = self.in_flight();
        if in_flight < reserves.limit_of(rank.criticality(), self.limit()) {
            return None;
        }
        match in_flight < self.limit() {
            true => Some(Shed::Reserved),
            false => Some(Shed::Full),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criticality::Criticality;

    #[test]
    fn the_parts_of_a_word_do_not_touch_each_other() {
        for limit in [0, 1, 1_000, MAX_LIMIT] {
            for cut_off in [Rank::LOWEST, Rank::default(), Rank::HIGHEST] {
                let word = Word(WAITING + 7 * ONE).with_limit(limit);
                let word = word.with_cut_off(cut_off);
                let parts = (word.limit(), word.cut_off(), word.in_flight());
                assert_eq!(parts, (limit, cut_off, 7));
                assert!(word.has_waiters());
                assert_eq!(word.with_limit(3).cut_off(), cut_off);
                assert_eq!(word.with_cut_off(Rank::LOWEST).limit(), limit);
            }
        }
    }

    #[test]
    fn a_word_tells_the_first_reason_to_refuse() {
        let reserves = Reserves::default().with(Criticality::Critical, 200_000);
        let low = Rank::from(Criticality::Sheddable);
        let high = Rank::from(Criticality::Critical);
        let at = |in_flight| Word(in_flight).with_limit(10);
        assert_eq!(at(7).shed(low, &reserves), None);
        assert_eq!(at(8).shed(low, &reserves), Some(Shed::Reserved));
        assert_eq!(at(8).shed(high, &reserves), None);
        assert_eq!(at(10).shed(high, &reserves), Some(Shed::Full));
        assert_eq!(at(10).shed(low, &reserves), Some(Shed::Full));
        let cut = at(0).with_cut_off(high);
        assert_eq!(cut.shed(low, &reserves), Some(Shed::CutOff));
        assert_eq!(cut.shed(high, &reserves), None);
    }
}
