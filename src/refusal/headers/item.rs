//! One item of a structured field, written without an allocation of its own.

/// The largest integer of a structured field (RFC 9651, section 3.3.1).
const LARGEST: u64 = 999_999_999_999_999;

/// An item of a structured field, `"name";a=1;b=2`, on the stack.
pub(super) struct Item {
    bytes: [u8; 160],
    length: usize,
}

impl Item {
    /// An item without parameters, if the name can be a string.
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut item = Self {
            bytes: [0; 160],
            length: 0,
        };
        item.string(name.as_bytes())?;
        Some(item)
    }

    pub(super) fn parameter(&mut self, (name, value): (u8, u64)) -> Option<()> {
        self.put(&[b';', name, b'='])?;
        self.put(itoa::Buffer::new().format(value.min(LARGEST)).as_bytes())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// A string (RFC 9651, section 4.1.6), which holds printable ASCII alone.
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
