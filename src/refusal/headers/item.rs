//! One item of a structured field, written on the stack, because every response
//! of a limited service carries two.

use http::HeaderValue;

/// The largest integer of a structured field (RFC 9651, section 3.3.1).
const MAX_INTEGER: u64 = 999_999_999_999_999;

/// The room for one item: a name of about 100 bytes and two parameters.
const MAX_BYTES: usize = 160;

/// An item of a structured field: `"name";a=1;b=2`.
pub(super) struct Item {
    bytes: [u8; MAX_BYTES],
    length: usize,
}

impl Item {
    /// Creates an item without parameters; `None` if a string of a structured
    /// field cannot contain the name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut item = Self {
            bytes: [0; MAX_BYTES],
            length: 0,
        };
        item.string(name.as_bytes())?;
        Some(item)
    }

    /// Adds a parameter; `None` if the item gets too long.
    pub(super) fn parameter(&mut self, (name, value): (u8, u64)) -> Option<()> {
        self.put(&[b';', name, b'='])?;
        self.put(
            itoa::Buffer::new()
                .format(value.min(MAX_INTEGER))
                .as_bytes(),
        )
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Writes a string, which is limited to printable ASCII (RFC 9651, section
    /// 4.1.6).
    fn string(&mut self, text: &[u8]) -> Option<()> {
        if !text.iter().all(|it| matches!(it, b' '..=b'~')) {
            return None;
        }
        self.put(b"\"")?;
        for piece in text.split_inclusive(|it| matches!(it, b'"' | b'\\')) {
            match piece {
                [plain @ .., last @ (b'"' | b'\\')] => {
                    self.put(plain)?;
                    self.put(&[b'\\', *last])?;
                }
                plain => self.put(plain)?,
            }
        }
        self.put(b"\"")
    }

    fn put(&mut self, text: &[u8]) -> Option<()> {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end)?.copy_from_slice(text);
        self.length = end;
        Some(())
    }
}

/// Returns an item of a string that is written already, and of the parameters
/// that are there.
///
/// Each byte is written once, where it stays: to copy digits that were written a
/// moment ago takes longer than to make them.
#[inline]
pub(super) fn line_of(string: &[u8], parameters: [Option<(u8, u64)>; 2]) -> Option<HeaderValue> {
    let parameters = parameters.map(|it| {
        let (name, value) = it?;
        let value = value.min(MAX_INTEGER);
        Some((name, value, digits(value)))
    });
    let length = |it: &Option<_>| it.map_or(0, |(_, _, digits)| PARAMETER + digits);
    let total = string.len() + parameters.iter().map(length).sum::<usize>();
    // Without spare capacity it becomes a header value as it is.
    let mut line = Vec::with_capacity(total);
    line.extend_from_slice(string);
    for (name, value, digits) in parameters.into_iter().flatten() {
        line.extend([b';', name, b'=']);
        push_digits(&mut line, value, digits);
    }
    HeaderValue::try_from(line).ok()
}

/// The bytes of a parameter beside its digits.
const PARAMETER: usize = 3;

/// Returns the number of decimal digits.
#[inline]
fn digits(value: u64) -> usize {
    value.checked_ilog10().unwrap_or(0) as usize + 1
}

#[inline]
fn push_digits(line: &mut Vec<u8>, value: u64, digits: usize) {
    let (start, mut rest) = (line.len(), value);
    line.resize(start + digits, b'0');
    for digit in line[start..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_as_an_item_is() {
        for value in [0, 9, 10, 99, 100, 12_345_678_901, MAX_INTEGER, u64::MAX] {
            for more in [None, Some((b't', value / 7))] {
                let mut item = Item::named("a \"b\"").unwrap();
                let name = item.as_bytes().to_vec();
                item.parameter((b'r', value)).unwrap();
                if let Some(more) = more {
                    item.parameter(more).unwrap();
                }
                let line = line_of(&name, [Some((b'r', value)), more]).unwrap();
                assert_eq!(line.as_bytes(), item.as_bytes());
            }
        }
    }
}
