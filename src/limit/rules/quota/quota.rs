//! A quota made from numbers, and the bounds of its fields.

use std::time::Duration;

use crate::{
    clock::Tick,
    error::{InvalidSetting, valid},
    limit::rules::rate::Rate,
};

/// How much one request takes from a budget. Most cost 1; a batch may cost as
/// much as it has items, an upload as much as it has kilobytes.
pub type Cost = u64;

/// The largest number of units in a bucket: 2^52.
///
/// It leaves every intermediate value of a rule below 2^53, where the numbers
/// of a Lua script are still whole.
pub(crate) const MAX_UNITS: u64 = 1 << 52;

/// The largest cost that is counted at once: any rule's limit is below it, and
/// scripts count with numbers that are whole up to twice that.
pub(crate) const MAX_COST: Cost = 1 << 52;

/// The largest amount, burst or period (in microseconds), so that there is
/// room for one token more than the burst.
const MAX_FIELD: u64 = MAX_UNITS / 2;

/// The fields of a quota, as errors name them.
pub(super) const AMOUNT: &str = "quota amount";
pub(super) const PERIOD: &str = "quota period";
pub(super) const BURST: &str = "quota burst";

/// An amount in a period, with a burst: "100 a second, up to 200 at once".
///
/// ```
/// use std::time::Duration;
/// use sluicegate::limit::Quota;
///
/// let api = Quota::per_second(100).burst(200);
/// let mail = Quota::new(5, Duration::from_secs(90))?;
/// assert_eq!(mail.burst_size(), 5);
/// # Ok::<(), sluicegate::InvalidSetting>(())
/// ```
///
/// `per_second(n)` means n in a second. The burst is the amount unless it is
/// set. Each rule gives the burst a meaning: the size of a token bucket, the
/// room of a leaky bucket. The windows ignore it.
///
/// # As text
///
/// A quota can be read from text, written as text, and with the feature `serde`
/// be a field of a configuration. `Debug` prints the same words.
///
/// ```
/// use sluicegate::limit::Quota;
///
/// let quota: Quota = "100/1m burst 200".parse()?;
/// assert_eq!(quota, Quota::per_minute(100).burst(200));
/// assert_eq!(quota.to_string(), "100/1m burst 200");
/// assert_eq!("3/s".parse(), Ok(Quota::per_second(3)));
/// assert_eq!("1000 per day".parse(), Ok(Quota::per_day(1_000)));
///
/// let error = "100/fortnight".parse::<Quota>().unwrap_err();
/// assert_eq!((error.field(), error.value()), ("quota period", "fortnight"));
/// # Ok::<(), sluicegate::InvalidSetting>(())
/// ```
///
/// The grammar, where spaces may stand between the parts:
///
/// ```text
/// quota  = amount ("/" | "per") period ["burst" burst]
/// amount = whole number
/// period = [whole number] unit        the number is 1 if left out
/// burst  = whole number               the amount if left out
/// unit   = "us" | "ms" | "s" | "m" | "h" | "d", or a whole word:
///          "microsecond", "millisecond", "second", "minute", "hour", "day",
///          also with an "s" at its end; "µs", "sec" and "min"
/// ```
///
/// `Display` writes the longest unit that divides the period, always with its
/// number, and leaves out a burst that equals the amount. The text reads back to
/// the same quota.
///
/// # Exactness
///
/// Rules count in whole units and never round a rate up. The time for one
/// token, period / amount, is reduced to a fraction; it is kept exactly while
/// its denominator is at most 2^21 (2,097,152) and `(burst + 1) * numerator` at
/// most 2^52. That covers every whole rate per second up to two million, and
/// all larger ones that share enough factors with a million: 50,000,000 a
/// second is 1/50 of a microsecond. Any other rate is kept as the nearest
/// slower one, less than one millionth away; a rate that cannot be kept that
/// well is an error. The windows count requests, not rates, and are exact
/// always.
///
/// # Debt
///
/// A [`debit`](crate::limit::Local::debit) may take more than there is, and a
/// bucket remembers what it owes, but not without bound: a token or leaky
/// bucket as many tokens as take 2^53 of its units to come back, which is at
/// least its burst; a window at least twice its limit; a log 2^52. The rest of
/// a larger debt is forgotten, in process and in Redis alike.
/// [`Rule::max_debit`](crate::limit::Rule::max_debit) tells the number: for
/// 1,000,003 an hour it is 2,501,999 tokens, for 1,000 a second more than a
/// million million.
///
/// ```
/// use sluicegate::limit::{Quota, Rule, TokenBucket};
///
/// let max_debit = |quota| TokenBucket::new(quota).max_debit();
/// assert_eq!(max_debit(Quota::per_hour(1_000_003)), 2_501_999);
/// assert!(max_debit(Quota::per_second(1_000)) > 1_000_000_000_000);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quota {
    amount: u64,
    period: Tick,
    burst: u64,
}

impl Quota {
    /// `amount` in each second.
    ///
    /// # Panics
    ///
    /// If [`Quota::new`] would fail, as for an amount of 0.
    #[track_caller]
    pub fn per_second(amount: u64) -> Self {
        Self::per(amount, Duration::from_secs(1))
    }

    /// `amount` in each minute.
    ///
    /// # Panics
    ///
    /// If [`Quota::new`] would fail, as for an amount of 0.
    #[track_caller]
    pub fn per_minute(amount: u64) -> Self {
        Self::per(amount, Duration::from_secs(60))
    }

    /// `amount` in each hour.
    ///
    /// # Panics
    ///
    /// If [`Quota::new`] would fail, as for an amount of 0.
    #[track_caller]
    pub fn per_hour(amount: u64) -> Self {
        Self::per(amount, Duration::from_secs(3_600))
    }

    /// `amount` in each day of 24 hours.
    ///
    /// # Panics
    ///
    /// If [`Quota::new`] would fail, as for an amount of 0.
    #[track_caller]
    pub fn per_day(amount: u64) -> Self {
        Self::per(amount, Duration::from_secs(86_400))
    }

    /// `amount` in each `period`, a whole number of microseconds.
    ///
    /// # Errors
    ///
    /// If the amount is 0, the period is shorter than a microsecond or holds
    /// a fraction of one, either is above 2^51 (for a period: 71 years), or the
    /// rate cannot be kept within a millionth; see [exactness](Self#exactness).
    pub fn new(amount: u64, period: Duration) -> Result<Self, InvalidSetting> {
        within(AMOUNT, amount)?;
        let ticks = whole_ticks(period)?;
        Self {
            amount,
            period: ticks,
            burst: amount,
        }
        .checked_as(AMOUNT, amount)
    }

    /// Allows as many as `burst` at once.
    ///
    /// # Panics
    ///
    /// If [`Quota::try_burst`] would fail, as for a burst of 0.
    #[must_use]
    #[track_caller]
    pub fn burst(self, burst: u64) -> Self {
        valid(self.try_burst(burst))
    }

    /// Allows as many as `burst` at once.
    ///
    /// # Errors
    ///
    /// If the burst is 0 or above 2^51, takes longer than 142 years to come
    /// back at this rate, or is so large that the rate cannot be kept within a
    /// millionth beside it. The error's field is `quota burst`, because the
    /// rest was accepted before.
    pub fn try_burst(self, burst: u64) -> Result<Self, InvalidSetting> {
        within(BURST, burst)?;
        let quota = Self { burst, ..self };
        quota.checked_as(BURST, burst)
    }

    /// Returns how much there is in a period.
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Returns the period.
    pub fn period(&self) -> Duration {
        Duration::from_micros(self.period)
    }

    /// Returns how much can be taken at once.
    pub fn burst_size(&self) -> u64 {
        self.burst
    }

    /// Returns the period in ticks.
    pub(crate) fn period_ticks(&self) -> Tick {
        self.period
    }

    #[track_caller]
    fn per(amount: u64, period: Duration) -> Self {
        valid(Self::new(amount, period))
    }

    /// Returns how long a token takes.
    pub(in crate::limit::rules) fn rate(&self) -> Rate {
        let rate = Rate::reduce(self.period, self.amount, self.burst);
        rate.expect("checked when the quota was made")
    }

    /// Returns how long a token takes in a queue where `places` may wait.
    pub(in crate::limit::rules) fn rate_of_queue(
        &self,
        places: u64,
    ) -> Result<Rate, InvalidSetting> {
        if places > MAX_FIELD {
            return Err(InvalidSetting::new("queue", places, "0 to 2^51"));
        }
        let burst = places.max(1);
        let rate = Rate::reduce(self.period, self.amount, burst);
        rate.map_err(|allowed| InvalidSetting::new("queue", places, allowed))
    }

    /// Checks the whole quota. An error names the field that was set last,
    /// because all others were accepted.
    fn checked_as(self, field: &'static str, value: u64) -> Result<Self, InvalidSetting> {
        let rate = Rate::reduce(self.period, self.amount, self.burst);
        rate.map(|_| self)
            .map_err(|allowed| InvalidSetting::new(field, value, allowed))
    }
}

/// Checks the bounds that hold for every field.
fn within(field: &'static str, value: u64) -> Result<(), InvalidSetting> {
    if (1..=MAX_FIELD).contains(&value) {
        return Ok(());
    }
    Err(InvalidSetting::new(field, value, "1 to 2^51"))
}

/// Returns the period in ticks. Rules count in ticks, so a fraction of one
/// would be lost without a word.
fn whole_ticks(period: Duration) -> Result<Tick, InvalidSetting> {
    let invalid = || {
        let allowed = "a whole number of microseconds, from 1 to 2^51 (71 years)";
        InvalidSetting::new(PERIOD, format_args!("{period:?}"), allowed)
    };
    if !period.subsec_nanos().is_multiple_of(1_000) {
        return Err(invalid());
    }
    let ticks = u64::try_from(period.as_micros()).map_err(|_| invalid())?;
    within(PERIOD, ticks).map(|()| ticks).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_field_value_and_what_is_allowed() {
        let zero = Quota::new(0, Duration::from_secs(1)).unwrap_err();
        assert_eq!(
            zero.to_string(),
            "invalid quota amount 0: must be 1 to 2^51"
        );
        let short = Quota::new(1, Duration::from_nanos(1_500)).unwrap_err();
        assert_eq!(short.field(), "quota period");
        assert!(short.to_string().contains("1.5µs"), "{short}");
        assert_eq!(
            Quota::new(1, Duration::ZERO).unwrap_err().field(),
            "quota period"
        );
        assert_eq!(
            Quota::new(1, Duration::MAX).unwrap_err().field(),
            "quota period"
        );
        assert_eq!(
            Quota::per_second(1).try_burst(0).unwrap_err().field(),
            "quota burst"
        );
    }

    #[test]
    fn a_burst_that_takes_centuries_is_an_error() {
        let error = Quota::per_day(1).try_burst(1 << 40).unwrap_err();
        assert_eq!(error.field(), "quota burst");
    }

    /// The rate was accepted, and beside this burst its fraction does not fit.
    #[test]
    fn a_burst_that_spoils_the_rate_is_named_in_the_error() {
        let quota = Quota::new(3, Duration::from_micros(10)).unwrap();
        let error = quota.try_burst(1 << 49).unwrap_err();
        assert_eq!(error.field(), "quota burst");
        assert_eq!(error.value(), (1_u64 << 49).to_string());
    }

    #[test]
    fn keeps_the_longest_period_and_the_largest_amount() {
        let micros = Duration::from_micros;
        assert!(Quota::new(1, micros(1 << 51)).is_ok());
        assert!(Quota::new(1 << 51, micros(1 << 51)).is_ok());
        assert_eq!(
            Quota::new(1, micros((1 << 51) + 1)).unwrap_err().field(),
            "quota period"
        );
        assert_eq!(
            Quota::new((1 << 51) + 1, micros(1)).unwrap_err().field(),
            "quota amount"
        );
    }

    #[test]
    fn a_rate_that_cannot_be_kept_is_an_error() {
        let error = Quota::new((1 << 51) - 1, Duration::from_micros(7)).unwrap_err();
        assert_eq!(error.field(), "quota amount");
    }

    #[test]
    #[should_panic(expected = "invalid quota amount 0")]
    fn per_second_of_nothing_panics() {
        let _ = Quota::per_second(0);
    }
}
