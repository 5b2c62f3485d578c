//! Identifiers made of bytes, and the SHA-256 over a list of parts from which
//! [`Name`](super::Name) and [`Fingerprint`](super::Fingerprint) are made.
//! Stores outlive the program that wrote them, so the format of what is hashed
//! must never change.

use sha2::{Digest, Sha256};

/// The length that stands for a missing part. No real part is this long.
const ABSENT: u64 = u64::MAX;

/// A SHA-256 of parts, each behind its length as eight big-endian bytes, so
/// that `("ab", "c")` and `("a", "bc")` differ.
#[derive(Clone, Debug)]
pub(super) struct PartDigest(Sha256);

impl PartDigest {
    /// Starts a digest. Digests with different purposes never collide.
    pub(super) fn of(purpose: &str) -> Self {
        Self(Sha256::new()).part(purpose.as_bytes())
    }

    /// Adds a part.
    pub(super) fn part(self, bytes: &[u8]) -> Self {
        self.chunks([bytes])
    }

    /// Adds one part that comes in chunks, with the same result as in one
    /// piece.
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

    /// Adds a part that may be missing, which is not the same as an empty one.
    pub(super) fn optional(mut self, bytes: Option<&[u8]>) -> Self {
        if let Some(bytes) = bytes {
            return self.part(bytes);
        }
        self.0.update(ABSENT.to_be_bytes());
        self
    }

    /// Returns the digest of all parts.
    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Writes what all identifiers made of bytes have: access to the bytes for
/// stores, and hex digits for logs and scripts. Takes the type, a tuple struct
/// of one array, and how many bytes it has.
macro_rules! byte_identifier {
    ($Identifier:ident, $bytes:literal) => {
        impl $Identifier {
            #[doc = concat!("Returns its ", $bytes, " bytes, as a store keeps them.")]
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl ::std::fmt::Display for $Identifier {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl ::std::fmt::Debug for $Identifier {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{}({self})", stringify!($Identifier))
            }
        }
    };
}

pub(super) use byte_identifier;
