//! The error of a header's value that is no timeout, and what reading and writing
//! such values share.

use std::{error::Error, fmt, time::Duration};

use http::HeaderValue;

use crate::refusal::Decimal;

/// A value that is no timeout: which header, and what is allowed in it.
///
/// The value itself is the peer's, and not repeated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    allowed: &'static str,
}

impl Malformed {
    pub(super) const fn new(allowed: &'static str) -> Self {
        Self { allowed }
    }

    /// What is allowed instead.
    pub fn allowed(&self) -> &'static str {
        self.allowed
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid timeout: must be {}", self.allowed)
    }
}

impl fmt::Debug for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Malformed({self})")
    }
}

impl Error for Malformed {}

/// The number that these digits are.
pub(super) fn number(digits: &[u8]) -> u128 {
    let digit = |number, digit: &u8| number * 10 + u128::from(digit - b'0');
    digits.iter().fold(0, digit)
}

/// A duration of nanoseconds. What does not fit is as long as can be.
pub(in crate::deadline) fn duration(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    match u64::try_from(nanos / SECOND) {
        Ok(seconds) => Duration::new(seconds, (nanos % SECOND) as u32),
        Err(_) => Duration::MAX,
    }
}

/// A number with its unit, of at most two letters.
pub(super) fn header(number: u64, unit: &str) -> HeaderValue {
    let digits = Decimal::of(number);
    let digits = digits.as_bytes();
    let mut text = [0; 22];
    let (begin, end) = (digits.len(), digits.len() + unit.len());
    text[..begin].copy_from_slice(digits);
    text[begin..end].copy_from_slice(unit.as_bytes());
    HeaderValue::from_bytes(&text[..end]).expect("digits and letters are a header's value")
}
