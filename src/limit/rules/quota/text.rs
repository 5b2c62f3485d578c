//! A quota as text, as configurations and flags have it: `100/1m burst 200`.

use std::{fmt, str::FromStr, time::Duration};

use super::quota::{AMOUNT, BURST, PERIOD, Quota};
use crate::{clock::Tick, error::InvalidSetting};

/// The field of an error about the text as a whole.
const QUOTA: &str = "quota";

/// The units that are written, from the longest, in ticks.
const UNITS: [(&str, Tick); 6] = [
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", 1_000),
    ("us", 1),
];

const SECOND: Tick = 1_000_000;
const MINUTE: Tick = 60 * SECOND;
const HOUR: Tick = 60 * MINUTE;
const DAY: Tick = 24 * HOUR;

impl fmt::Display for Quota {
    /// Writes the quota as text that reads back to the same quota, such as
    /// `100/1m burst 200`. Leaves out a burst that equals the amount.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = self.period_ticks();
        let fits = |(_, ticks): &&(&str, Tick)| period.is_multiple_of(*ticks);
        let (unit, ticks) = UNITS.iter().find(fits).expect("1 divides every period");
        write!(f, "{}/{}{unit}", self.amount(), period / ticks)?;
        if self.burst_size() == self.amount() {
            return Ok(());
        }
        write!(f, " burst {}", self.burst_size())
    }
}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Quota {
    type Err = InvalidSetting;

    /// Reads a quota, such as `100/1m burst 200`, `3/s` or `1000 per day`. See
    /// [the grammar](Quota#as-text).
    ///
    /// # Errors
    ///
    /// The error's field is the part that cannot be read or is out of its bounds:
    /// `quota amount`, `quota period` or `quota burst`; it is `quota` if the text
    /// does not have these parts.
    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        let (amount, period, burst) = parts(text).ok_or_else(|| {
            let allowed = "an amount and a period, as in 100/1m, 3 per second or 100/1m burst 200";
            InvalidSetting::text(QUOTA, text, allowed)
        })?;
        let quota = Self::new(number(AMOUNT, amount)?, duration(period)?)?;
        match burst {
            None => Ok(quota),
            Some(burst) => quota.try_burst(number(BURST, burst)?),
        }
    }
}

/// Splits the text into amount, period and burst, if it has the first two.
fn parts(text: &str) -> Option<(&str, &str, Option<&str>)> {
    let (rate, burst) = match text.split_once("burst") {
        Some((rate, burst)) => (rate, Some(burst.trim())),
        None => (text, None),
    };
    let (amount, period) = rate.split_once('/').or_else(|| rate.split_once("per"))?;
    Some((amount.trim(), period.trim(), burst))
}

/// Reads a whole number. Its bounds are checked when the quota is made.
fn number(field: &'static str, text: &str) -> Result<u64, InvalidSetting> {
    let invalid = || InvalidSetting::text(field, text, "a whole number from 1 to 2^51");
    // `parse` allows a plus sign.
    if text.starts_with('+') {
        return Err(invalid());
    }
    text.parse().map_err(|_| invalid())
}

/// Reads a period: a whole number, which may be left out, and a unit.
fn duration(text: &str) -> Result<Duration, InvalidSetting> {
    let invalid = || {
        let allowed = "a whole number, 1 if left out, and a unit: us, ms, s, m, h or d, such as \
                       30s or 1m; at most 71 years";
        InvalidSetting::text(PERIOD, text, allowed)
    };
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let (count, unit) = text.split_at(text.len() - digits.len());
    let unit = ticks_of(unit.trim_start()).ok_or_else(invalid)?;
    let count = match count {
        "" => 1,
        count => count.parse::<u64>().map_err(|_| invalid())?,
    };
    let ticks = count.checked_mul(unit).ok_or_else(invalid)?;
    Ok(Duration::from_micros(ticks))
}

/// Returns the ticks of a unit, by any of its names.
fn ticks_of(unit: &str) -> Option<Tick> {
    Some(match unit {
        "us" | "µs" | "μs" | "microsecond" | "microseconds" => 1,
        "ms" | "millisecond" | "milliseconds" => 1_000,
        "s" | "sec" | "second" | "seconds" => SECOND,
        "m" | "min" | "minute" | "minutes" => MINUTE,
        "h" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Quota {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn field_of_error(text: &str) -> String {
        text.parse::<Quota>().unwrap_err().field().to_owned()
    }

    #[test]
    fn reads_what_an_operator_writes() {
        assert_eq!(read("100/1m burst 200"), Quota::per_minute(100).burst(200));
        assert_eq!(read("3/s"), Quota::per_second(3));
        assert_eq!(read("1000 per day"), Quota::per_day(1_000));
        assert_eq!(read(" 5 / 90 sec  burst  7 ").to_string(), "5/90s burst 7");
        assert_eq!(read("7 per 2 hours"), read("7/120m"));
        assert_eq!(read("1/250µs"), read("1 per 250 microseconds"));
    }

    #[test]
    fn writes_the_longest_unit_that_divides_the_period() {
        for text in ["1/1d", "1/36h", "1/90m", "100/90s", "1/1500ms", "1/1500us"] {
            assert_eq!(read(text).to_string(), text);
        }
        assert_eq!(read("1/60s").to_string(), "1/1m");
    }

    #[test]
    fn debug_prints_the_words_of_the_text() {
        let quota = Quota::per_minute(100).burst(200);
        assert_eq!(format!("{quota:?}"), "100/1m burst 200");
    }

    #[test]
    fn an_error_names_the_part_that_cannot_be_read() {
        for text in ["", "100", "burst 5", "100 1m", "100:1m"] {
            assert_eq!(field_of_error(text), "quota", "{text}");
        }
        for text in [
            "/s",
            "ten/s",
            "-1/s",
            "+1/s",
            "0/s",
            "1.5/s",
            "99999999999999999999/s",
        ] {
            assert_eq!(field_of_error(text), "quota amount", "{text}");
        }
        for text in [
            "1/",
            "1/0s",
            "1/fortnight",
            "1/1.5s",
            "1/1m 200",
            "1/-1s",
            "1/72000d",
            "1/9s9",
        ] {
            assert_eq!(field_of_error(text), "quota period", "{text}");
        }
        for text in [
            "1/s burst",
            "1/s burst 0",
            "1/s burst many",
            "1/s burst 2 or 3",
        ] {
            assert_eq!(field_of_error(text), "quota burst", "{text}");
        }
    }

    #[test]
    fn an_error_says_what_is_allowed() {
        let error = "ten/s".parse::<Quota>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid quota amount \"ten\": must be a whole number from 1 to 2^51"
        );
    }
}
