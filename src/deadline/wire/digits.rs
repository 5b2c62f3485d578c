//! Numbers in header values, which all forms share.

use std::{cell::RefCell, time::Duration};

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

thread_local! {
    /// The number that this thread has written last.
    static LAST: RefCell<LastValue> = const { RefCell::new(LastValue::NONE) };
}

/// The value that was written last.
struct LastValue {
    number: u64,
    unit: &'static str,
    /// `None` until it was written twice.
    value: Option<HeaderValue>,
}

impl LastValue {
    const NONE: Self = Self {
        number: 0,
        unit: "",
        value: None,
    };

    /// Returns a number with its unit, and remembers it.
    fn remembered(&mut self, number: u64, unit: &'static str) -> HeaderValue {
        if self.number != number || self.unit != unit {
            *self = Self {
                number,
                unit,
                value: None,
            };
            return written(number, unit);
        }
        let write = || written(number, unit);
        self.value.get_or_insert_with(write).clone()
    }
}

/// Returns a number with its unit, which is written less often than it is asked
/// for.
///
/// Handlers that call other services at once often leave them the same time, to
/// the millisecond, so a number that is written again is not formatted again.
pub(super) fn remembered(number: u64, unit: &'static str) -> HeaderValue {
    let remember = |last: &RefCell<LastValue>| last.borrow_mut().remembered(number, unit);
    // Fails only while the thread ends.
    let value = LAST.try_with(remember);
    value.unwrap_or_else(|_| written(number, unit))
}

/// Writes a number with its unit, which has at most two letters.
pub(super) fn written(number: u64, unit: &str) -> HeaderValue {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number).as_bytes();
    // 20 digits of a `u64` and the unit, without an allocation of their own.
    let mut text = [0; 22];
    let (begin, end) = (digits.len(), digits.len() + unit.len());
    text[..begin].copy_from_slice(digits);
    text[begin..end].copy_from_slice(unit.as_bytes());
    HeaderValue::from_bytes(&text[..end]).expect("digits and letters are a header's value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_asked_for_again_is_the_same_and_another_is_not() {
        for (number, unit, text) in [
            (9_899, "ms", "9899ms"),
            (9_899, "ms", "9899ms"),
            (9_899, "ms", "9899ms"),
            (9_899, "", "9899"),
            (9_898, "", "9898"),
            (9_898, "ms", "9898ms"),
            (9_898, "ms", "9898ms"),
            (9_897, "ms", "9897ms"),
            (u64::MAX, "ms", "18446744073709551615ms"),
        ] {
            assert_eq!(remembered(number, unit), text);
        }
    }
}
