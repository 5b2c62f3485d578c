//! Spreads what is left over the time until there is more.

use std::time::Duration;

/// The figures that the spread depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    /// Calls that may be sent.
    pub(super) credit: u64,
    pub(super) limit: Option<u64>,
    pub(super) window: Option<Duration>,
    /// How long until there is more.
    pub(super) more_in: Option<Duration>,
    /// How long it took to gain a unit, if they come in one by one.
    pub(super) gap: Option<Duration>,
    /// Whether the whole quota comes back at once.
    pub(super) is_step: bool,
}

impl Spread {
    /// Returns the time between this call and the next.
    ///
    /// `more_in / credit` uses up what is left just when there is more. A bucket
    /// that is nearly full would lose what comes in meanwhile, so there the time
    /// shrinks with what is missing: `window / limit * missing / credit` is the
    /// interval of the quota itself at half a bucket, and zero at a full one. With
    /// `gap / credit^2`, few units stay unused: a sliding window takes what is
    /// unused at its end for lost.
    pub(super) fn interval(self) -> Duration {
        let until_more = self.more_in.map(|time| divided(time, self.credit));
        let each = self.each();
        let is_full = self.limit.is_some_and(|limit| self.credit + 1 >= limit);
        let by_level = match self.is_step {
            true => each.filter(|_| is_full),
            false => self.by_level(),
        };
        let catch_up = |each: Duration| {
            let limit = self.limit.unwrap_or(1) as f64;
            each.mul_f64(limit / (limit + 4.0 * self.credit as f64))
        };
        let by_gap = self.gap.map(|gap| {
            each.map_or_else(|| divided(divided(gap, self.credit), self.credit), catch_up)
        });
        let all = [until_more, by_level, by_gap];
        all.into_iter().flatten().min().unwrap_or_default()
    }

    /// Returns the interval at which the quota itself comes back.
    pub(super) fn each(self) -> Option<Duration> {
        let (limit, window) = self.limit.zip(self.window)?;
        Some(divided(window, limit))
    }

    fn by_level(self) -> Option<Duration> {
        let each = self.each()?;
        let missing = self.limit?.saturating_sub(self.credit);
        let ratio = missing as f64 / self.credit.max(1) as f64;
        Some(each.mul_f64(ratio.min(1e6)))
    }
}

/// Divides a time, to the nanosecond.
pub(super) fn divided(time: Duration, by: u64) -> Duration {
    let nanos = time.as_nanos() / u128::from(by.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
