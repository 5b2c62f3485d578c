//! One item of a structured field, written on the stack, because every response
//! of a limited service carries two.

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
