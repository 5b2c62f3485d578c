//! Numbers in header values, which all forms share.

use std::time::Duration;

use http::HeaderValue;

/// Returns the number that these digits are. The callers allow at most 18.
pub(super) fn number(digits: &[u8]) -> u128 {
    let digit = |number, digit: &u8| number * 10 + u128::from(digit - b'0');
    digits.iter().fold(0, digit)
}

/// Returns a duration of nanoseconds, at most [`Duration::MAX`].
pub(in crate::deadline) fn duration(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    match u64::try_from(nanos / SECOND) {
        Ok(seconds) => Duration::new(seconds, (nanos % SECOND) as u32),
        Err(_) => Duration::MAX,
    }
}

/// Returns a number with its unit, which has at most two letters.
pub(super) fn header(number: u64, unit: &str) -> HeaderValue {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number).as_bytes();
    // 20 digits of a `u64` and the unit, without an allocation of their own.
    let mut text = [0; 22];
    let (begin, end) = (digits.len(), digits.len() + unit.len());
    text[..begin].copy_from_slice(digits);
    text[begin..end].copy_from_slice(unit.as_bytes());
    HeaderValue::from_bytes(&text[..end]).expect("digits and letters are a header's value")
}
