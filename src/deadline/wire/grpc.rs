//! The values of `grpc-timeout`.

use std::time::Duration;

use http::HeaderValue;

use super::{
    MalformedTimeout,
    digits::{duration, number, written},
};

const ALLOWED: &str = "1 to 8 digits and one of H, M, S, m, u, n";

/// The units, finest first: the letter and its nanoseconds.
const UNITS: [(&str, u64); 6] = [
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("S", 1_000_000_000),
    ("M", 60_000_000_000),
    ("H", 3_600_000_000_000),
];

/// The largest number of eight digits.
const MAX_NUMBER: u128 = 99_999_999;

/// Reads a value.
///
/// # Errors
///
/// When it is not exactly what the grammar allows: a sign, a space, a ninth
/// digit, another unit, no digit.
pub(super) fn read(value: &[u8]) -> Result<Duration, MalformedTimeout> {
    let malformed = MalformedTimeout::new(ALLOWED);
    let (unit, digits) = value.split_last().ok_or(malformed)?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return Err(malformed);
    }
    let unit = UNITS
        .iter()
        .find(|(letter, _)| letter.as_bytes() == [*unit]);
    let (_, nanos) = unit.ok_or(malformed)?;
    Ok(duration(number(digits) * u128::from(*nanos)))
}

/// Writes the longest value that promises no more than is left; `None` if
/// nothing is left, because such a call is not sent.
///
/// It is in the finest unit that needs at most eight digits. A time of more
/// than 11,415 years is cut to that.
pub(super) fn write(left: Duration) -> Option<HeaderValue> {
    let nanos = left.as_nanos();
    if nanos == 0 {
        return None;
    }
    let unit = UNITS
        .iter()
        .find(|(_, unit)| nanos / u128::from(*unit) <= MAX_NUMBER);
    let (letter, unit) = *unit.unwrap_or(&UNITS[UNITS.len() - 1]);
    let number = (nanos / u128::from(unit)).min(MAX_NUMBER);
    Some(written(number as u64, letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit_and_no_more_than_the_grammar() {
        let read = |text: &str| super::read(text.as_bytes()).ok();
        assert_eq!(read("1H"), Some(Duration::from_secs(3_600)));
        assert_eq!(read("2M"), Some(Duration::from_secs(120)));
        assert_eq!(read("3S"), Some(Duration::from_secs(3)));
        assert_eq!(read("4m"), Some(Duration::from_millis(4)));
        assert_eq!(read("5u"), Some(Duration::from_micros(5)));
        assert_eq!(read("6n"), Some(Duration::from_nanos(6)));
        assert_eq!(read("0S"), Some(Duration::ZERO));
        assert_eq!(read("00000001S"), Some(Duration::from_secs(1)));
        assert_eq!(
            read("99999999H"),
            Some(Duration::from_secs(99_999_999 * 3_600))
        );
        for bad in [
            "",
            "S",
            "1",
            "1s",
            "1h",
            " 1S",
            "1S ",
            "+1S",
            "-1S",
            "1.5S",
            "123456789S",
            "1SS",
            "٣S",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn writes_the_finest_unit_that_fits() {
        let write = |left| super::write(left).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(
            write(Duration::from_nanos(99_999_999)).unwrap(),
            "99999999n"
        );
        assert_eq!(write(Duration::from_nanos(100_000_999)).unwrap(), "100000u");
        assert_eq!(write(Duration::from_millis(100_000)).unwrap(), "100000m");
        assert_eq!(write(Duration::from_secs(99_999_999)).unwrap(), "99999999S");
        assert_eq!(write(Duration::MAX).unwrap(), "99999999H");
        assert_eq!(write(Duration::from_nanos(1)).unwrap(), "1n");
        assert_eq!(write(Duration::ZERO), None);
    }
}
