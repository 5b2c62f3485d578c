use std::time::Duration;

use http::HeaderValue;

use super::malformed::{Malformed, duration, header, number};

const TIMEOUT: &str =
    "a decimal number with a unit of h, m, s, ms, us, ns, or of seconds without one";
const MILLIS: &str = "1 to 18 digits, in milliseconds";

/// Digits before the point, and behind it.
const LONGEST: (usize, usize) = (18, 9);

/// Reads a timeout in words that people write: `250ms`, `1.5s`, `2`. Without a
/// unit it is in seconds. Zero is a timeout that has passed.
///
/// # Errors
///
/// When there is a sign, a space, an exponent, another unit, a point without
/// digits on both sides, more than 18 digits before it or 9 behind it.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::deadline::wire::read_timeout;
///
/// assert_eq!(read_timeout(b"1.5s"), Ok(Duration::from_millis(1_500)));
/// assert_eq!(read_timeout(b"2"), Ok(Duration::from_secs(2)));
/// assert!(read_timeout(b"soon").is_err());
/// ```
pub fn read_timeout(value: &[u8]) -> Result<Duration, Malformed> {
    let malformed = Malformed::new(TIMEOUT);
    let (whole, rest) = split_digits(value);
    let (part, unit) = match rest.split_first() {
        Some((b'.', rest)) => split_digits(rest),
        _ => (&b"0"[..], rest),
    };
    let lengths = (1..=LONGEST.0).contains(&whole.len()) && (1..=LONGEST.1).contains(&part.len());
    let unit = nanos_of(unit).filter(|_| lengths).ok_or(malformed)?;
    // 60 bits of digits by 42 of an hour's nanoseconds, and nine digits less.
    let scale = 10_u128.pow(part.len() as u32);
    Ok(duration(number(whole) * unit + number(part) * unit / scale))
}

/// Reads a timeout in milliseconds, as Envoy writes it. Zero is a timeout that
/// has passed.
///
/// # Errors
///
/// When it is anything but 1 to 18 digits.
pub fn read_millis(value: &[u8]) -> Result<Duration, Malformed> {
    let digits = value.iter().all(u8::is_ascii_digit);
    if !digits || !(1..=LONGEST.0).contains(&value.len()) {
        return Err(Malformed::new(MILLIS));
    }
    Ok(duration(number(value) * 1_000_000))
}

/// The milliseconds that are left, rounded down; `None` if that is nothing.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::deadline::wire::write_millis;
///
/// assert_eq!(write_millis(Duration::from_micros(2_999)).unwrap(), "2");
/// assert_eq!(write_millis(Duration::from_micros(999)), None);
/// ```
pub fn write_millis(left: Duration) -> Option<HeaderValue> {
    millis(left).map(HeaderValue::from)
}

/// The same with the unit, for those that take a number without one for seconds.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::deadline::wire::write_timeout;
///
/// assert_eq!(write_timeout(Duration::from_micros(2_999)).unwrap(), "2ms");
/// assert_eq!(write_timeout(Duration::from_micros(999)), None);
/// ```
pub fn write_timeout(left: Duration) -> Option<HeaderValue> {
    millis(left).map(|millis| header(millis, "ms"))
}

/// In as many digits as a reader takes.
fn millis(left: Duration) -> Option<u64> {
    let most = 10_u128.pow(LONGEST.0 as u32) - 1;
    let millis = left.as_millis().min(most) as u64;
    (millis > 0).then_some(millis)
}

fn split_digits(value: &[u8]) -> (&[u8], &[u8]) {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    value.split_at(digits.count())
}

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
        let read = |text: &str| read_timeout(text.as_bytes()).ok();
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
        assert_eq!(
            write_timeout(Duration::MAX).unwrap(),
            "999999999999999999ms"
        );
    }
}
