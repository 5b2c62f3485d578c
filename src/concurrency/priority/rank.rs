//! The rank of a request. The gate orders its queue by it, and the cut-off is
//! one.

use std::fmt;

use crate::criticality::Criticality;

/// The order in which an overloaded service keeps its requests: the
/// [`Criticality`] of a request, and within one level its cohort. A request
/// that is kept longer has a greater rank.
///
/// A level has 128 cohorts, as in DAGOR (Zhou et al., "Overload Control for
/// Scaling WeChat Microservices", 2018), so that a service can shed a small part
/// of a level. Within a level, cohort 0 is shed last.
///
/// ```
/// use sluicegate::{concurrency::Rank, criticality::Criticality};
///
/// let first = Rank::new(Criticality::Sheddable, 127);
/// let later = Rank::new(Criticality::Sheddable, 0);
/// let last = Rank::new(Criticality::Critical, 127);
/// assert!(first < later && later < last);
/// assert_eq!((last.criticality(), last.cohort()), (Criticality::Critical, 127));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank(u16);

impl Rank {
    /// The number of cohorts in a level.
    pub const COHORTS: u8 = 128;

    /// The number of ranks: that of all cohorts in all levels.
    pub const COUNT: usize = Criticality::ALL.len() * Self::COHORTS as usize;

    /// The rank that is shed first.
    pub const LOWEST: Self = Self(0);

    /// The rank that is shed last.
    pub const HIGHEST: Self = Self(Self::COUNT as u16 - 1);

    /// Returns the rank of this cohort in a level.
    ///
    /// # Panics
    ///
    /// If the cohort is not below 128.
    #[inline]
    #[must_use]
    #[track_caller]
    pub const fn new(level: Criticality, cohort: u8) -> Self {
        assert!(cohort < Self::COHORTS, "invalid cohort: must be below 128");
        let within = Self::COHORTS - 1 - cohort;
        Self(level as u16 * Self::COHORTS as u16 + within as u16)
    }

    /// Returns the level.
    #[inline]
    #[must_use]
    pub const fn criticality(self) -> Criticality {
        Criticality::ALL[(self.0 / Self::COHORTS as u16) as usize]
    }

    /// Returns the cohort, which is below 128. The highest is shed first.
    #[inline]
    #[must_use]
    pub const fn cohort(self) -> u8 {
        Self::COHORTS - 1 - (self.0 % Self::COHORTS as u16) as u8
    }

    /// Returns how many ranks are lower; below [`COUNT`](Self::COUNT).
    #[inline]
    pub(crate) const fn index(self) -> u16 {
        self.0
    }

    /// Returns the rank with this many lower ones; the highest if there are not
    /// so many.
    #[inline]
    pub(crate) const fn at(index: u16) -> Self {
        match index < Self::COUNT as u16 {
            true => Self(index),
            false => Self::HIGHEST,
        }
    }
}

/// Returns the rank of cohort 0, for requests whose principal is unknown.
impl From<Criticality> for Rank {
    fn from(level: Criticality) -> Self {
        Self::new(level, 0)
    }
}

/// The rank of a request without a level: [`Criticality::Critical`], cohort 0.
impl Default for Rank {
    fn default() -> Self {
        Criticality::default().into()
    }
}

impl fmt::Debug for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rank({self})")
    }
}

/// Writes the level and the cohort, such as `critical/17`.
impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.criticality(), self.cohort())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_ordered_by_level_and_then_by_cohort_with_cohort_0_last_shed() {
        let all = || (0..Rank::COUNT as u16).map(Rank::at);
        for (lower, higher) in all().zip(all().skip(1)) {
            assert!(lower < higher);
            let is_next_level = lower.criticality() < higher.criticality();
            let is_lower_cohort = lower.cohort() > higher.cohort();
            assert!(is_next_level != is_lower_cohort, "{lower} {higher}");
        }
        assert_eq!(all().next(), Some(Rank::LOWEST));
        assert_eq!(all().next_back(), Some(Rank::HIGHEST));
    }

    #[test]
    fn a_rank_is_read_as_it_is_made() {
        for level in Criticality::ALL {
            for cohort in 0..Rank::COHORTS {
                let rank = Rank::new(level, cohort);
                assert_eq!((rank.criticality(), rank.cohort()), (level, cohort));
                assert_eq!(Rank::at(rank.index()), rank);
            }
        }
        assert_eq!(Rank::default().to_string(), "critical/0");
    }

    #[test]
    #[should_panic(expected = "invalid cohort: must be below 128")]
    fn a_cohort_above_127_is_rejected() {
        let _ = Rank::new(Criticality::Critical, 128);
    }
}
