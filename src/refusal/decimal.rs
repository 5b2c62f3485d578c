//! Numbers as text, without the machinery of `format_args` and without an
//! allocation.

/// A number in decimal digits.
pub(crate) struct Decimal {
    digits: [u8; 20],
    first: usize,
}

impl Decimal {
    /// Digits are found from the last to the first.
    pub(crate) fn of(mut number: u64) -> Self {
        let mut decimal = Self {
            digits: [b'0'; 20],
            first: 19,
        };
        while number > 9 {
            decimal.digits[decimal.first] = b'0' + (number % 10) as u8;
            number /= 10;
            decimal.first -= 1;
        }
        decimal.digits[decimal.first] = b'0' + number as u8;
        decimal
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[self.first..]
    }

    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).expect("digits are ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_length() {
        for number in [0, 7, 10, 99, 100, 1_234_567_890, u64::MAX] {
            assert_eq!(Decimal::of(number).as_str(), number.to_string());
        }
    }
}
