//! Whole numbers as header values. The legacy fields and `Retry-After` are such.

use http::HeaderValue;

/// Returns the decimal digits of a number, in one allocation.
/// `HeaderValue::from` takes two, because it has room for the longest number.
pub(super) fn whole_number(number: u64) -> HeaderValue {
    const DIGITS: &str = "0123456789";
    let mut buffer = itoa::Buffer::new();
    let value = match number {
        // A refusal has nothing left, and most are retried after a second.
        0..=9 => Ok(HeaderValue::from_static(&DIGITS[number as usize..][..1])),
        number => HeaderValue::from_str(buffer.format(number)),
    };
    value.expect("a header can contain digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_with_all_of_its_digits() {
        for number in [0, 1, 9, 10, 99, 100, 86_400, u64::MAX] {
            assert_eq!(whole_number(number), number.to_string());
        }
    }
}
