//! Timeouts as decimal numbers: with a unit, or in milliseconds.

use std::time::Duration;

use http::HeaderValue;

use super::{
    MalformedTimeout,
    digits::{duration, number, remembered},
};

const ALLOWED: &str =
    "a decimal number with a unit of h, m, s, ms, us, ns, or of seconds without one";
const ALLOWED_MILLIS: &str = "1 to 18 digits, in milliseconds";

const MAX_WHOLE_DIGITS: usize = 18;
/// More digits would be less than a nanosecond.
const MAX_FRACTION_DIGITS: usize = 9;

/// Reads a timeout that people write: `250ms`, `1.5s`, `2`.
///
/// # Errors
///
/// When there is a sign, a space, an exponent, another unit, a point without
/// digits on both sides, more than 18 digits before it or 9 behind it.
pub(super) fn read(value: &[u8]) -> Result<Duration, MalformedTimeout> {
    let malformed = MalformedTimeout::new(ALLOWED);
    let (whole, rest) = split_digits(value);
    let (fraction, unit) = match rest.split_first() {
        Some((b'.', rest)) => split_digits(rest),
        _ => (&b"0"[..], rest),
    };
    let fits = (1..=MAX_WHOLE_DIGITS).contains(&whole.len())
        && (1..=MAX_FRACTION_DIGITS).contains(&fraction.len());
    let unit = nanos_of(unit).filter(|_| fits).ok_or(malformed)?;
    // No overflow: 60 bits of digits, 42 bits of an hour's nanoseconds.
    let scale = 10_u128.pow(fraction.len() as u32);
    Ok(duration(
        number(whole) * unit + number(fraction) * unit / scale,
    ))
}

/// Reads a timeout in milliseconds.
///
/// # Errors
///
/// When it is not 1 to 18 digits.
pub(super) fn read_millis(value: &[u8]) -> Result<Duration, MalformedTimeout> {
    let digits = value.iter().all(u8::is_ascii_digit);
    if !digits || !(1..=MAX_WHOLE_DIGITS).contains(&value.len()) {
        return Err(MalformedTimeout::new(ALLOWED_MILLIS));
    }
    Ok(duration(number(value) * 1_000_000))
}

/// Writes the milliseconds that are left, rounded down; `None` if that is 0.
pub(super) fn write_millis(left: Duration) -> Option<HeaderValue> {
    millis(left).map(|millis| remembered(millis, ""))
}

/// Writes the same with its unit, because readers take a number without one for
/// seconds.
pub(super) fn write(left: Duration) -> Option<HeaderValue> {
    millis(left).map(|millis| remembered(millis, "ms"))
}

/// Returns the milliseconds, in as many digits as readers accept.
fn millis(left: Duration) -> Option<u64> {
    let most = 10_u128.pow(MAX_WHOLE_DIGITS as u32) - 1;
    let millis = left.as_millis().min(most) as u64;
    (millis > 0).then_some(millis)
}

fn split_digits(value: &[u8]) -> (&[u8], &[u8]) {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    value.split_at(digits.count())
}

/// Returns the nanoseconds of a unit.
fn nanos_of(unit: &[u8]) -> Option<u128> {
    Some(match unit {
        b"h" => 3_600_000_000_000,
        b"m" => 60_000_000_000,
        b"s" | b"" => 1_000_000_000,
        b"ms" => 1_000_000,
        b"us" => 1_000,
        b"ns" => 1,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write_and_nothing_else() {
        let read = |text: &str| super::read(text.as_bytes()).ok();
        assert_eq!(read("100ms"), Some(Duration::from_millis(100)));
        assert_eq!(read("0.25"), Some(Duration::from_millis(250)));
        assert_eq!(read("1.5h"), Some(Duration::from_secs(5_400)));
        assert_eq!(read("0"), Some(Duration::ZERO));
        assert_eq!(read("1.999999999ns"), Some(Duration::from_nanos(1)));
        assert_eq!(read("999999999999999999h"), Some(Duration::MAX));
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "1,5",
            "+1",
            "-1",
            "1e3",
            "1 s",
            "1S",
            "s",
            "1234567890123456789",
            "1.1234567890",
            "NaN",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn milliseconds_are_digits_and_no_more() {
        assert_eq!(read_millis(b"1500"), Ok(Duration::from_millis(1_500)));
        assert_eq!(read_millis(b"0"), Ok(Duration::ZERO));
        for bad in ["", "1.5", "1ms", "-1", "1234567890123456789"] {
            assert!(read_millis(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert_eq!(write_millis(Duration::MAX).unwrap(), "999999999999999999");
        assert_eq!(write(Duration::MAX).unwrap(), "999999999999999999ms");
    }

    #[test]
    fn writes_whole_milliseconds_rounded_down() {
        let left = Duration::from_micros(2_999);
        assert_eq!(write_millis(left).unwrap(), "2");
        assert_eq!(write(left).unwrap(), "2ms");
        let less = Duration::from_micros(999);
        assert_eq!((write_millis(less), write(less)), (None, None));
    }
}
