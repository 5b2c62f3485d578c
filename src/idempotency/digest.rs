//! Digests of parts that cannot run into each other.

use std::fmt;

use sha2::{Digest, Sha256};

/// Not the length of anything.
const ABSENT: u64 = u64::MAX;

/// SHA-256 over parts, each behind its length in eight bytes, big endian.
#[derive(Clone)]
pub(super) struct Parts(Sha256);

impl Parts {
    /// What is digested for different purposes is never the same.
    pub(super) fn of(purpose: &str) -> Self {
        Self(Sha256::new()).part(purpose.as_bytes())
    }

    pub(super) fn part(self, bytes: &[u8]) -> Self {
        self.chunks([bytes])
    }

    /// One part, in as many pieces as it happens to come in.
    pub(super) fn chunks<'a, C>(mut self, chunks: C) -> Self
    where
        C: IntoIterator<Item = &'a [u8]> + Clone,
    {
        let length: usize = chunks.clone().into_iter().map(<[u8]>::len).sum();
        self.0.update((length as u64).to_be_bytes());
        for chunk in chunks {
            self.0.update(chunk);
        }
        self
    }

    /// A part, or that there is none, which is not the same as an empty one.
    pub(super) fn optional(mut self, bytes: Option<&[u8]>) -> Self {
        if let Some(bytes) = bytes {
            return self.part(bytes);
        }
        self.0.update(ABSENT.to_be_bytes());
        self
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Writes bytes as lower-case hex digits.
pub(super) fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
