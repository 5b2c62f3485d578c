//! Whether two requests under one key are the same request.

use std::fmt;

use super::digest::{Parts, hex};

/// What a request consists of, digested: the same key with another fingerprint is
/// a mistake of the client's, and is told so.
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
    /// The fingerprint of what has one part.
    pub fn of(part: impl AsRef<[u8]>) -> Self {
        Self::builder().part(part).finish()
    }

    /// A fingerprint of several parts, in their order.
    pub fn builder() -> FingerprintBuilder {
        FingerprintBuilder(Parts::of("sluicegate idempotency fingerprint 1"))
    }

    /// One that was [kept](Self::as_bytes).
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A [`Fingerprint`] in the making: the SHA-256 of its parts, each behind its
/// length.
#[derive(Clone)]
#[must_use = "it is nothing until it is finished"]
pub struct FingerprintBuilder(Parts);

impl FingerprintBuilder {
    /// The next part; an empty one counts too.
    pub fn part(self, bytes: impl AsRef<[u8]>) -> Self {
        Self(self.0.part(bytes.as_ref()))
    }

    /// The next part, in as many pieces as it happened to come in: it is the
    /// same as in one piece.
    pub fn chunks<'a, C>(self, chunks: C) -> Self
    where
        C: IntoIterator<Item = &'a [u8]> + Clone,
    {
        Self(self.0.chunks(chunks))
    }

    /// The next part, or that there is none, which is not the same as an empty
    /// one.
    pub fn optional(self, bytes: Option<impl AsRef<[u8]>>) -> Self {
        Self(self.0.optional(bytes.as_ref().map(AsRef::as_ref)))
    }

    /// The fingerprint of all parts.
    pub fn finish(self) -> Fingerprint {
        Fingerprint(self.0.finish())
    }
}

impl fmt::Debug for FingerprintBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FingerprintBuilder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn neither_parts_nor_their_absence_run_into_each_other() {
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
    fn pieces_do_not_matter() {
        let pieces: [&[u8]; 4] = [b"or", b"", b"d", b"er"];
        let built = Fingerprint::builder().chunks(pieces).finish();
        assert_eq!(built, Fingerprint::of("order"));
        let optional = Fingerprint::builder().optional(Some("order"));
        assert_eq!(optional.finish(), built);
    }

    /// Stores outlive the program that wrote them.
    #[test]
    fn a_fingerprint_stays_what_it_was() {
        let request = Fingerprint::builder().part("POST").optional(None::<&str>);
        let kept = "4d048470fb21eeb37f00e077a38263e3a38be89749887ab0cccb0b409157b6a3";
        assert_eq!(request.part("{}").finish().to_string(), kept);
    }
}
