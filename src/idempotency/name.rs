//! What a record is called in a store.

use std::fmt;

use super::digest::hex;

/// The name of a record in a store: a digest, made by
/// [`Scope::name`](super::Scope::name). `Display` writes 64 hex digits.
///
/// It tells nobody the key that it was made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub(super) [u8; 32]);

impl Name {
    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}
