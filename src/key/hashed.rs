//! Keys with secret values, such as tokens.

use std::fmt;

#[cfg(any(feature = "redis", feature = "idempotency"))]
use super::encode::{EncodedKey, StoreKey};
use super::{absence::Absence, key::Key};

/// The key that [`KeyExt::hashed`](super::KeyExt::hashed) makes.
#[derive(Clone, Copy, Debug)]
pub struct Hashed<K>(K);

impl<K> Hashed<K> {
    pub(super) fn new(key: K) -> Self {
        Self(key)
    }
}

impl<Req, K: Key<Req>> Key<Req> for Hashed<K> {
    type Key<'a>
        = HashedKey<K::Key<'a>>
    where
        Self: 'a,
        Req: 'a;

    fn key<'a>(&'a self, req: &'a Req) -> Option<Self::Key<'a>> {
        self.0.key(req).map(HashedKey)
    }

    fn absence(&self, req: &Req) -> Absence {
        self.0.absence(req)
    }
}

/// A key with a secret value. A shared store sees its SHA-256, and its `Debug`
/// form is only its type. Wrap a value in it to ask a limiter for the bucket by
/// hand.
///
/// The hash is the same in every process, and it is not salted. So a value that
/// can be guessed, such as an e-mail address, can be found by hashing guesses;
/// a long random token cannot.
///
/// In process it hashes like the value that it wraps. It implements
/// [`StoreKey`](super::StoreKey) with the features `redis` and `idempotency`.
///
/// ```
/// # #[cfg(feature = "redis")] {
/// use sluicegate::key::{HashedKey, EncodedKey};
///
/// // The digits that `printf %s t0ken | sha256sum` prints.
/// let name = EncodedKey::of(&HashedKey("t0ken")).to_string();
/// assert_eq!(name, "~b46c09677343261f0b439a472422225e3a230c9c094d6ab16762e2036b597053");
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HashedKey<K>(pub K);

#[cfg(any(feature = "redis", feature = "idempotency"))]
impl<K: StoreKey> StoreKey for HashedKey<K> {
    fn encode(&self, out: &mut EncodedKey) {
        out.hashed(&self.0);
    }
}

impl<K> fmt::Debug for HashedKey<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedKey")
    }
}
