//! The shares of a limit that only important requests may use.

use crate::{criticality::Criticality, error::InvalidSetting};

const MILLION: u64 = 1_000_000;

/// For each level, the part of the limit that is kept free of it, in parts per
/// million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reserves {
    above: [u32; Criticality::ALL.len()],
}

impl Reserves {
    /// Reserves a share for a level and those above it. Shares for several
    /// levels add up.
    pub(crate) fn with(mut self, level: Criticality, millionths: u32) -> Self {
        for lower in Criticality::ALL.into_iter().filter(|it| *it < level) {
            self.above[lower as usize] += millionths;
        }
        self
    }

    /// Reserves a share such as 0.2 for a level and those above it.
    pub(crate) fn with_share(self, level: Criticality, share: f64) -> Result<Self, InvalidSetting> {
        let millionths = (share * MILLION as f64).round() as u32;
        let already = self.above[Criticality::Sheddable as usize];
        let is_valid = millionths > 0 && u64::from(millionths) < MILLION - u64::from(already);
        match is_valid && level > Criticality::Sheddable {
            true => Ok(self.with(level, millionths)),
            false => Err(InvalidSetting::new(
                "reserve",
                format_args!("{share} for {level}"),
                "above 0, for a level above sheddable, and less than 1 for all levels together",
            )),
        }
    }

    /// Returns the most permits in flight at which a request of this level does
    /// not pass: `limit * (1 - share reserved above the level)`, rounded down,
    /// so that rounding never takes a permit from an important request.
    #[inline]
    pub(crate) fn limit_of(&self, level: Criticality, limit: u32) -> u32 {
        match self.above[level as usize] {
            0 => limit,
            reserved => {
                let share = MILLION.saturating_sub(reserved.into());
                (u64::from(limit) * share / MILLION) as u32
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Criticality::*;

    #[test]
    fn the_limits_of_the_levels_never_cross_and_the_highest_has_all() {
        let reserves = Reserves::default().with(CriticalPlus, 100_000);
        let reserves = reserves.with(Critical, 200_000);
        for limit in 0..1_000 {
            let of = Criticality::ALL.map(|level| reserves.limit_of(level, limit));
            assert!(of.is_sorted(), "{of:?}");
            assert_eq!(of[CriticalPlus as usize], limit);
            assert_eq!(of[Critical as usize], limit * 9 / 10);
            assert_eq!(of[SheddablePlus as usize], limit * 7 / 10);
            assert_eq!(of[Sheddable as usize], limit * 7 / 10);
        }
    }
}
