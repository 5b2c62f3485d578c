//! Decodes base64 in pieces. `application/grpc-web-text` concatenates the
//! encoded pieces of a body, each with its own padding, and a network may cut
//! them anywhere. A decoder for whole texts, as in the crate `base64`, accepts
//! neither.

/// Decodes base64 piece by piece.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The digits of the quantum that is incomplete, and how many there are.
    digits: [u8; 4],
    filled: usize,
}

/// The up to three bytes that four digits encode.
#[derive(Debug)]
pub(super) struct Quantum {
    bytes: [u8; 3],
    length: usize,
}

impl Quantum {
    const EMPTY: Self = Self {
        bytes: [0; 3],
        length: 0,
    };

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The text is not base64.
#[derive(Debug)]
pub(super) struct InvalidBase64;

const PADDING: u8 = b'=';

impl Decoder {
    /// Decodes the next quantum of the text and advances `text`. The result is
    /// empty if the text ends within a quantum.
    pub(super) fn decode(&mut self, text: &mut &[u8]) -> Result<Quantum, InvalidBase64> {
        while let Some((digit, rest)) = text.split_first() {
            *text = rest;
            if digit.is_ascii_whitespace() {
                continue;
            }
            self.digits[self.filled] = *digit;
            self.filled += 1;
            if self.filled == self.digits.len() {
                self.filled = 0;
                return decoded(self.digits);
            }
        }
        Ok(Quantum::EMPTY)
    }

    /// Decodes the incomplete quantum at the end, whose padding is missing.
    pub(super) fn end(&mut self) -> Option<Quantum> {
        if self.filled == 0 {
            return None;
        }
        self.digits[self.filled..].fill(PADDING);
        self.filled = 0;
        decoded(self.digits).ok()
    }
}

/// Decodes four digits.
fn decoded(digits: [u8; 4]) -> Result<Quantum, InvalidBase64> {
    let padded = digits.iter().rev().take_while(|it| **it == PADDING).count();
    if padded > 2 {
        return Err(InvalidBase64);
    }
    let mut bits = 0_u32;
    for (nth, digit) in digits.into_iter().enumerate() {
        let value = match nth < digits.len() - padded {
            true => value(digit).ok_or(InvalidBase64)?,
            false => 0,
        };
        bits = bits << 6 | u32::from(value);
    }
    let [_, bytes @ ..] = bits.to_be_bytes();
    let length = bytes.len() - padded;
    Ok(Quantum { bytes, length })
}

/// Returns the value of a digit (RFC 4648, section 4).
fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}
