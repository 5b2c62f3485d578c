//! Base64 in pieces, each of which may be padded: `application/grpc-web-text` puts
//! the codes of several pieces one behind the other, and a network cuts them
//! anywhere. The reader of trailers asks for it.

/// Decodes base64 in pieces.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The digits of the quantum that has begun.
    digits: [u8; 4],
    filled: usize,
}

/// What a quantum of four digits stands for.
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

/// What came is no base64.
#[derive(Debug)]
pub(super) struct Malformed;

const PADDING: u8 = b'=';

impl Decoder {
    /// Decodes the next quantum of the text, which is empty if the text ends within
    /// one.
    pub(super) fn decode(&mut self, text: &mut &[u8]) -> Result<Quantum, Malformed> {
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

    /// Decodes what is left without its padding.
    pub(super) fn end(&mut self) -> Option<Quantum> {
        if self.filled == 0 {
            return None;
        }
        self.digits[self.filled..].fill(PADDING);
        self.filled = 0;
        decoded(self.digits).ok()
    }
}

fn decoded(digits: [u8; 4]) -> Result<Quantum, Malformed> {
    let padded = digits.iter().rev().take_while(|it| **it == PADDING).count();
    if padded > 2 {
        return Err(Malformed);
    }
    let mut bits = 0_u32;
    for (nth, digit) in digits.into_iter().enumerate() {
        let value = match nth < digits.len() - padded {
            true => value(digit).ok_or(Malformed)?,
            false => 0,
        };
        bits = bits << 6 | u32::from(value);
    }
    let [_, bytes @ ..] = bits.to_be_bytes();
    let length = bytes.len() - padded;
    Ok(Quantum { bytes, length })
}

/// The digits of RFC 4648, section 4.
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
