//! The value that operators set, from one reading to the next: until when it
//! counts, and what is logged about it.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    concurrency::priority::rank::Rank, criticality::Criticality, error::InvalidSetting,
    redis::Error,
};

const TARGET: &str = "sluicegate::concurrency";

/// For how long a value counts after it was read, if it does not expire.
const UNBOUNDED: Duration = Duration::from_secs(60);
/// The longest that a value counts after it was read.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The content of the key.
pub(super) struct Reading {
    /// Empty if there is no key.
    pub(super) level: String,
    /// `None` if it does not expire.
    pub(super) left: Option<Duration>,
}

/// The value that counts.
pub(super) struct OperatorCutOff {
    key: String,
    /// The lowest rank that passes, and until when.
    current: Option<(Rank, Instant)>,
    /// Whether the last value could not be read.
    is_unreadable: bool,
    /// Whether the last command failed.
    is_lost: bool,
    /// The warnings so far.
    warnings: u32,
}

impl OperatorCutOff {
    pub(super) fn new(key: String) -> Self {
        Self {
            key,
            current: None,
            is_unreadable: false,
            is_lost: false,
            warnings: 0,
        }
    }

    /// Returns the cut-off at this instant.
    pub(super) fn at(&self, now: Instant) -> Rank {
        let current = self.current.filter(|(_, until)| now < *until);
        current.map_or(Rank::LOWEST, |(rank, _)| rank)
    }

    /// Returns how long the value still counts.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let (_, until) = self.current?;
        Some(until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Takes note of a command, and returns the cut-off after it. A command that
    /// failed changes nothing.
    pub(super) fn take(&mut self, read: Result<Reading, Error>, now: Instant) -> Rank {
        match read {
            Ok(reading) => {
                self.is_lost = false;
                self.set(&reading, now);
            }
            Err(error) => self.lost(&error),
        }
        self.at(now)
    }

    fn set(&mut self, reading: &Reading, now: Instant) {
        let before = self.at(now);
        let read = match reading.level.as_str() {
            "" => Ok(None),
            level => lowest_kept(level).map(Some),
        };
        let is_unreadable = read.is_err();
        if let Err(error) = &read
            && !self.is_unreadable
        {
            self.warnings += 1;
            let (key, error) = (&*self.key, error as &dyn std::error::Error);
            tracing::warn!(target: TARGET, key, error, "the fleet's cut-off is ignored");
        }
        let until = now + reading.left.unwrap_or(UNBOUNDED).min(LONGEST);
        self.current = read.ok().flatten().map(|rank| (rank, until));
        self.is_unreadable = is_unreadable;
        let rank = self.at(now);
        if rank != before {
            let (key, level) = (&*self.key, &*reading.level);
            tracing::warn!(target: TARGET, key, level, %rank, "the fleet's cut-off has changed");
        }
    }

    fn lost(&mut self, error: &Error) {
        if !self.is_lost {
            self.is_lost = true;
            self.warnings += 1;
            let (key, error) = (&*self.key, error as &dyn std::error::Error);
            tracing::warn!(target: TARGET, key, error, "the fleet's cut-off is not known");
        }
    }
}

/// Returns the lowest rank that passes if this level and those below are refused.
fn lowest_kept(level: &str) -> Result<Rank, InvalidSetting> {
    let kept = match level.parse() {
        Ok(Criticality::Sheddable) => Criticality::SheddablePlus,
        Ok(Criticality::SheddablePlus) => Criticality::Critical,
        Ok(Criticality::Critical) => Criticality::CriticalPlus,
        // No one key refuses all requests of a fleet.
        Ok(Criticality::CriticalPlus) | Err(_) => {
            let allowed = "sheddable, sheddable-plus or critical";
            return Err(InvalidSetting::text("cut-off", level, allowed));
        }
    };
    Ok(Rank::new(kept, Rank::COHORTS - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(level: &str, seconds: impl Into<Option<u64>>) -> Result<Reading, Error> {
        Ok(Reading {
            level: level.into(),
            left: seconds.into().map(Duration::from_secs),
        })
    }

    fn lost() -> Result<Reading, Error> {
        Err(Error::reply("another"))
    }

    fn at(level: Criticality) -> Rank {
        Rank::new(level, 127)
    }

    #[test]
    fn a_level_is_refused_with_those_below_it() {
        for (level, kept) in [
            ("sheddable", Criticality::SheddablePlus),
            ("SHEDDABLE_PLUS", Criticality::Critical),
            ("critical", Criticality::CriticalPlus),
        ] {
            let mut operator = OperatorCutOff::new("k".into());
            let now = Instant::now();
            assert_eq!(operator.take(reading(level, 60), now), at(kept));
            assert_eq!(operator.take(reading("", None), now), Rank::LOWEST);
        }
    }

    #[test]
    fn without_redis_a_value_counts_until_it_expires() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        for (left, lives) in [(Some(5), 5), (None, 60), (Some(u64::MAX / 1_000), 86_400)] {
            let mut operator = OperatorCutOff::new("k".into());
            operator.take(reading("sheddable", left), start);
            let kept = at(Criticality::SheddablePlus);
            assert_eq!(operator.take(lost(), after(lives - 1)), kept);
            assert_eq!(
                operator.left(after(lives - 1)),
                Some(Duration::from_secs(1))
            );
            assert_eq!(operator.take(lost(), after(lives)), Rank::LOWEST);
            assert_eq!(operator.left(after(lives)), None);
            assert_eq!(operator.warnings, 1, "one for the outage");
        }
    }

    #[test]
    fn a_value_that_cannot_be_read_is_ignored_with_one_warning() {
        let mut operator = OperatorCutOff::new("k".into());
        let now = Instant::now();
        for level in ["critical-plus", "?", "shedable", "critical-plus"] {
            assert_eq!(operator.take(reading(level, 60), now), Rank::LOWEST);
        }
        assert_eq!(operator.warnings, 1);
        operator.take(reading("sheddable", 60), now);
        operator.take(reading("none", 60), now);
        assert_eq!((operator.warnings, operator.at(now)), (2, Rank::LOWEST));
    }
}
