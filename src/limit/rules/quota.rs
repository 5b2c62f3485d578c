//! How much, in how long, and how much of it at once.

use std::{error::Error, fmt, time::Duration};

use super::gcra::Arrival;
use crate::clock::Tick;

/// What one request takes from a budget. Most cost 1; a batch may cost as much
/// as it has items, an upload as much as it has kilobytes.
pub type Cost = u64;

/// The largest number of units in a bucket: 2^52.
///
/// It leaves every intermediate value of a rule below 2^53, where the numbers
/// of a Lua script are still whole.
pub(crate) const LARGEST: u64 = 1 << 52;

/// The largest cost that is counted at once: any rule's limit is below it, and
/// scripts count with numbers that are whole up to twice that.
pub(crate) const MAX_COST: Cost = 1 << 52;

/// The largest amount, burst or period (in microseconds), so that there is
/// room for one token more than the burst.
const LARGEST_FIELD: u64 = LARGEST / 2;

/// An amount in a period, with a burst: "100 a second, up to 200 at once".
///
/// ```
/// use std::time::Duration;
/// use sluicegate::limit::Quota;
///
/// let api = Quota::per_second(100).burst(200);
/// let mail = Quota::new(5, Duration::from_secs(90))?;
/// assert_eq!(mail.burst_size(), 5);
/// # Ok::<(), sluicegate::limit::QuotaError>(())
/// ```
///
/// `per_second(n)` means n in a second. The burst is the amount unless it is
/// set. What a burst means is each rule's own: the size of a token bucket, the
/// room of a leaky bucket; the windows have none and ignore it.
///
/// # Exactness
///
/// Rules count in whole units and never round a rate up. The time for one
/// token, period / amount, is reduced to a fraction; it is kept exactly while
/// its denominator is at most 2^21 (2,097,152) and `(burst + 1) * numerator`
/// at most 2^52. That covers every whole rate per second up to two million, and
/// all larger ones that share enough factors with a million: 50,000,000 a
/// second is 1/50 of a microsecond. What remains is kept as the nearest slower
/// rate, less than one millionth away; what cannot be kept that well is
/// refused. The windows count requests, not rates, and are exact always.
///
/// # Debt
///
/// A [`debit`](crate::limit::Local::debit) may take more than there is, and a bucket
/// remembers what it owes, but not without bound: a token or leaky bucket as many
/// tokens as take 2^53 of its units to come back, which is at least its burst; a
/// window at least twice its limit; a log 2^52. What is beyond that is forgotten, in
/// process and in Redis alike. [`Rule::max_debit`](crate::limit::Rule::max_debit) tells the
/// number: for 1,000,003 an hour it is 2,501,999 tokens, for 1,000 a second more
/// than a million million.
///
/// ```
/// use sluicegate::limit::{Quota, Rule, TokenBucket};
///
/// let max_debit = |quota| TokenBucket::new(quota).max_debit();
/// assert_eq!(max_debit(Quota::per_hour(1_000_003)), 2_501_999);
/// assert!(max_debit(Quota::per_second(1_000)) > 1_000_000_000_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// When [`Quota::new`] would refuse it, such as an amount of 0.
    #[track_caller]
    pub fn per_second(amount: u64) -> Self {
        Self::per(amount, Duration::from_secs(1))
    }

    /// `amount` in each minute.
    ///
    /// # Panics
    ///
    /// When [`Quota::new`] would refuse it, such as an amount of 0.
    #[track_caller]
    pub fn per_minute(amount: u64) -> Self {
        Self::per(amount, Duration::from_secs(60))
    }

    /// `amount` in each hour.
    ///
    /// # Panics
    ///
    /// When [`Quota::new`] would refuse it, such as an amount of 0.
    #[track_caller]
    pub fn per_hour(amount: u64) -> Self {
        Self::per(amount, Duration::from_secs(3_600))
    }

    /// `amount` in each day of 24 hours.
    ///
    /// # Panics
    ///
    /// When [`Quota::new`] would refuse it, such as an amount of 0.
    #[track_caller]
    pub fn per_day(amount: u64) -> Self {
        Self::per(amount, Duration::from_secs(86_400))
    }

    /// `amount` in each `period`, a whole number of microseconds.
    ///
    /// # Errors
    ///
    /// When the amount is 0, the period is shorter than a microsecond or holds
    /// a fraction of one, either is above 2^51 (for a period: 71 years), or the
    /// rate cannot be kept within a millionth; see [exactness](Self#exactness).
    pub fn new(amount: u64, period: Duration) -> Result<Self, QuotaError> {
        within("amount", amount)?;
        let ticks = whole_ticks(period)?;
        Self {
            amount,
            period: ticks,
            burst: amount,
        }
        .checked_as("amount", amount)
    }

    /// As many as `burst` at once.
    ///
    /// # Panics
    ///
    /// When [`Quota::try_burst`] would refuse it, such as a burst of 0.
    #[must_use]
    #[track_caller]
    pub fn burst(self, burst: u64) -> Self {
        possible(self.try_burst(burst))
    }

    /// As many as `burst` at once.
    ///
    /// # Errors
    ///
    /// When the burst is 0 or above 2^51, takes longer than 142 years to come
    /// back at this rate, or is so large that the rate cannot be kept within a
    /// millionth beside it. The error's field is `burst`, because the rest was
    /// accepted before.
    pub fn try_burst(self, burst: u64) -> Result<Self, QuotaError> {
        within("burst", burst)?;
        let quota = Self { burst, ..self };
        quota.checked_as("burst", burst)
    }

    /// How much there is in a period.
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// The period.
    pub fn period(&self) -> Duration {
        Duration::from_micros(self.period)
    }

    /// How much can be had at once.
    pub fn burst_size(&self) -> u64 {
        self.burst
    }

    pub(crate) fn period_ticks(&self) -> Tick {
        self.period
    }

    #[track_caller]
    fn per(amount: u64, period: Duration) -> Self {
        possible(Self::new(amount, period))
    }

    /// The arithmetic of a queue at this rate in which so many may wait.
    pub(crate) fn queue_of(self, places: u64) -> Result<Arrival, QuotaError> {
        within("queue", places.max(1))?;
        let burst = places.max(1);
        let checked = Self { burst, ..self }.checked_as("queue", places)?;
        Arrival::new(&checked, places + 1)
    }

    /// Blames the field that was set last, since all others were accepted.
    fn checked_as(self, field: &'static str, value: u64) -> Result<Self, QuotaError> {
        let checked = Arrival::new(&self, self.burst).map(|_| self);
        checked.map_err(|error| QuotaError::new(field, value, error.allowed))
    }
}

/// What is possible, or a panic at the caller's line.
#[track_caller]
pub(crate) fn possible<T>(made: Result<T, QuotaError>) -> T {
    match made {
        Ok(made) => made,
        Err(error) => panic!("{error}"),
    }
}

fn within(field: &'static str, value: u64) -> Result<(), QuotaError> {
    if (1..=LARGEST_FIELD).contains(&value) {
        return Ok(());
    }
    Err(QuotaError::new(field, value, "1 to 2^51"))
}

fn whole_ticks(period: Duration) -> Result<Tick, QuotaError> {
    let refused = || {
        let allowed = "a whole number of microseconds, from 1 to 2^51 (71 years)";
        QuotaError::new("period", format_args!("{period:?}"), allowed)
    };
    if !period.subsec_nanos().is_multiple_of(1_000) {
        return Err(refused());
    }
    let ticks = u64::try_from(period.as_micros()).map_err(|_| refused())?;
    within("period", ticks)
        .map(|()| ticks)
        .map_err(|_| refused())
}

/// A quota that no rule could keep: which field, its value, and what is allowed.
#[derive(Clone, PartialEq, Eq)]
pub struct QuotaError {
    field: &'static str,
    value: String,
    allowed: &'static str,
}

impl QuotaError {
    pub(crate) fn new(
        field: &'static str,
        value: impl fmt::Display,
        allowed: &'static str,
    ) -> Self {
        Self {
            field,
            value: value.to_string(),
            allowed,
        }
    }

    /// The field of the quota that was refused: `amount`, `period` or `burst`.
    pub fn field(&self) -> &str {
        self.field
    }

    /// The value that was refused, as text.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What is allowed instead.
    pub fn allowed(&self) -> &str {
        self.allowed
    }
}

impl fmt::Display for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            value,
            allowed,
        } = self;
        write!(f, "invalid quota {field} {value}: must be {allowed}")
    }
}

impl fmt::Debug for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QuotaError({self})")
    }
}

impl Error for QuotaError {}

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
        assert_eq!(short.field(), "period");
        assert!(short.to_string().contains("1.5µs"), "{short}");
        assert_eq!(Quota::new(1, Duration::ZERO).unwrap_err().field(), "period");
        assert_eq!(Quota::new(1, Duration::MAX).unwrap_err().field(), "period");
        assert_eq!(
            Quota::per_second(1).try_burst(0).unwrap_err().field(),
            "burst"
        );
    }

    #[test]
    fn refuses_a_burst_that_takes_centuries() {
        let error = Quota::per_day(1).try_burst(1 << 40).unwrap_err();
        assert_eq!(error.field(), "burst");
    }

    /// The rate was accepted, and beside this burst its fraction does not fit.
    #[test]
    fn a_burst_that_spoils_the_rate_is_blamed_itself() {
        let quota = Quota::new(3, Duration::from_micros(10)).unwrap();
        let error = quota.try_burst(1 << 49).unwrap_err();
        assert_eq!(error.field(), "burst");
        assert_eq!(error.value(), (1_u64 << 49).to_string());
    }

    #[test]
    fn keeps_the_longest_period_and_the_largest_amount() {
        let micros = Duration::from_micros;
        assert!(Quota::new(1, micros(1 << 51)).is_ok());
        assert!(Quota::new(1 << 51, micros(1 << 51)).is_ok());
        assert_eq!(
            Quota::new(1, micros((1 << 51) + 1)).unwrap_err().field(),
            "period"
        );
        assert_eq!(
            Quota::new((1 << 51) + 1, micros(1)).unwrap_err().field(),
            "amount"
        );
    }

    #[test]
    fn refuses_a_rate_that_it_cannot_keep() {
        let error = Quota::new((1 << 51) - 1, Duration::from_micros(7)).unwrap_err();
        assert_eq!(error.field(), "amount");
    }

    #[test]
    #[should_panic(expected = "invalid quota amount 0")]
    fn per_second_of_nothing_panics() {
        let _ = Quota::per_second(0);
    }
}
