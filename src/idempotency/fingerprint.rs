//! The content of a piece of work, as a digest: it tells a repeated request
//! from another request under the same key.

use super::digest::{PartDigest, byte_identifier};

/// A digest of everything that identifies a request. The same key with another
/// fingerprint is a client's mistake, and is refused as such.
///
/// ```
/// use sluicegate::idempotency::Fingerprint;
///
/// let paid = Fingerprint::of("17 EUR to Ann");
/// assert_ne!(paid, Fingerprint::of("70 EUR to Ann"));
///
/// let request = Fingerprint::builder().part("POST").part("/orders").part("{}");
/// assert_eq!(request.clone().finish(), request.finish());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Returns the fingerprint of a single part.
    pub fn of(part: impl AsRef<[u8]>) -> Self {
        Self::builder().part(part).finish()
    }

    /// Starts a fingerprint of several parts, whose order matters.
    pub fn builder() -> FingerprintBuilder {
        FingerprintBuilder(PartDigest::of("sluicegate idempotency fingerprint 1"))
    }

    /// Restores a fingerprint from its [bytes](Self::as_bytes).
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

byte_identifier!(Fingerprint, 32);

/// Builds a [`Fingerprint`]: the SHA-256 of its parts, each behind its length.
#[derive(Clone, Debug)]
#[must_use = "call `finish` to get the fingerprint"]
pub struct FingerprintBuilder(PartDigest);

impl FingerprintBuilder {
    /// Adds a part. An empty one counts too.
    pub fn part(self, bytes: impl AsRef<[u8]>) -> Self {
        Self(self.0.part(bytes.as_ref()))
    }

    /// Adds one part that comes in chunks. Where they are cut does not matter.
    pub fn chunks<'a, C>(self, chunks: C) -> Self
    where
        C: IntoIterator<Item = &'a [u8]> + Clone,
    {
        Self(self.0.chunks(chunks))
    }

    /// Adds a part that may be missing, which is not the same as an empty one.
    pub fn optional(self, bytes: Option<impl AsRef<[u8]>>) -> Self {
        Self(self.0.optional(bytes.as_ref().map(AsRef::as_ref)))
    }

    /// Returns the fingerprint of all parts.
    pub fn finish(self) -> Fingerprint {
        Fingerprint(self.0.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn different_parts_have_different_fingerprints() {
        let new = Fingerprint::builder;
        let all = [
            new().finish(),
            new().part("").finish(),
            new().optional(None::<&str>).finish(),
            new().part("ab").finish(),
            new().part("a").part("b").finish(),
            new().part("b").part("a").finish(),
            new().part("").part("ab").finish(),
            new().part("ab").part("").finish(),
        ];
        let different: HashSet<Fingerprint> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn chunks_of_one_part_count_as_one_part() {
        let chunks: [&[u8]; 4] = [b"or", b"", b"d", b"er"];
        let built = Fingerprint::builder().chunks(chunks).finish();
        assert_eq!(built, Fingerprint::of("order"));
        let optional = Fingerprint::builder().optional(Some("order"));
        assert_eq!(optional.finish(), built);
    }

    /// Stores outlive the program that wrote them, so the format cannot change.
    #[test]
    fn a_fingerprint_stays_what_it_was() {
        let request = Fingerprint::builder().part("POST").optional(None::<&str>);
        let kept = "4d048470fb21eeb37f00e077a38263e3a38be89749887ab0cccb0b409157b6a3";
        assert_eq!(request.part("{}").finish().to_string(), kept);
    }
}
