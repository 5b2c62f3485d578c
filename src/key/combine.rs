//! Keys that are made of other keys.

use super::{absence::Absence, hashed::Hashed, key::Key};

/// What every key can do.
pub trait KeyExt: Sized {
    /// Goes by `other` where this key finds nothing. The two never share a
    /// budget, even where their keys look the same.
    fn or<K>(self, other: K) -> Or<Self, K> {
        Or(self, other)
    }

    /// The same key, of which a shared store is shown only a hash, and logs
    /// nothing: for tokens and other secrets, which would stand in the names of
    /// buckets. See [`HashedKey`].
    fn hashed(self) -> Hashed<Self> {
        Hashed::new(self)
    }
}

impl<K> KeyExt for K {}

/// The key that [`KeyExt::or`] makes.
#[derive(Clone, Copy, Debug)]
pub struct Or<A, B>(A, B);

/// One of two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Either<A, B> {
    /// The key that was asked first.
    First(A),
    /// The key that was asked where the first had nothing to say.
    Second(B),
}

impl<Req, A: Key<Req>, B: Key<Req>> Key<Req> for Or<A, B> {
    type Key<'a>
        = Either<A::Key<'a>, B::Key<'a>>
    where
        Self: 'a,
        Req: 'a;

    fn key<'a>(&'a self, req: &'a Req) -> Option<Self::Key<'a>> {
        let first = self.0.key(req).map(Either::First);
        first.or_else(|| self.1.key(req).map(Either::Second))
    }

    /// A server that does not know its peers is at fault even where a header
    /// would have helped.
    fn absence(&self, req: &Req) -> Absence {
        self.0.absence(req).max(self.1.absence(req))
    }
}
