//! The fencing token of a lease. [`Claimant`](super::Claimant) makes one for
//! each claim, and stores compare them.

use std::{error, fmt, str::FromStr};

use super::digest::byte_identifier;

/// The fencing token of a lease: 128 random bits that no other lease ever has.
///
/// Work may write its token along with its data and have the other end accept
/// only the latest token (`UPDATE … WHERE token = …`). A slow holder then does
/// no harm after another has taken over its lease.
///
/// `Display` writes 32 hex digits, and `FromStr` reads them.
///
/// ```
/// use sluicegate::idempotency::{ParseTokenError, Token};
///
/// let token = Token::random();
/// assert_eq!(token.to_string().parse(), Ok::<Token, ParseTokenError>(token));
/// assert!("17".parse::<Token>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; 16]);

impl Token {
    /// Creates a new token.
    ///
    /// # Panics
    ///
    /// When the operating system has no random numbers, as a `HashMap` does.
    pub fn random() -> Self {
        Self(crate::random::bytes())
    }

    /// Restores a token from its [bytes](Self::as_bytes).
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

byte_identifier!(Token, 16);

impl FromStr for Token {
    type Err = ParseTokenError;

    fn from_str(text: &str) -> Result<Self, ParseTokenError> {
        // `from_str_radix` alone would accept a sign and capital letters.
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 32 || !text.bytes().all(is_hex) {
            return Err(ParseTokenError(()));
        }
        let bits = u128::from_str_radix(text, 16).map_err(|_| ParseTokenError(()))?;
        Ok(Self(bits.to_be_bytes()))
    }
}

/// The error of parsing a text that is not a [`Token`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseTokenError(());

impl fmt::Display for ParseTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid token: must be 32 lower-case hex digits")
    }
}

impl error::Error for ParseTokenError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_written_tokens_can_be_read() {
        let token = Token::random();
        assert_ne!(token, Token::random());
        assert_eq!(token.to_string().parse(), Ok(token));
        let small = Token::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 10]);
        assert_eq!(small.to_string(), "0000000000000000000000000000010a");
        let (long, sign) = ("0".repeat(33), format!("+{}", "0".repeat(31)));
        for text in ["", "10a", &"G".repeat(32), &"A".repeat(32), &long, &sign] {
            assert_eq!(text.parse::<Token>(), Err(ParseTokenError(())), "{text}");
        }
    }
}
