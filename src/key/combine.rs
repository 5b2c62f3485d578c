//! Keys that are made from other keys.

use super::{absence::Absence, hashed::Hashed, key::Key};

/// Methods that every key has.
pub trait KeyExt: Sized {
    /// Uses `other` for requests without this key. The two never share a
    /// budget, even if their values are equal.
    ///
    /// ```
    /// use http::Request;
    /// use sluicegate::key::{self, Either, Key, KeyExt};
    ///
    /// let by_user = key::header("x-user").or(key::header("x-device"));
    /// let req = Request::builder().header("x-device", "7").body(()).unwrap();
    /// assert!(matches!(by_user.key(&req), Some(Either::Second(_))));
    /// ```
    fn or<K>(self, other: K) -> Or<Self, K> {
        Or(self, other)
    }

    /// Hides the value of this key: a shared store sees only its hash, and logs
    /// see nothing. For tokens and other secrets, which would be part of the
    /// names of buckets. See [`HashedKey`](super::HashedKey).
    ///
    /// ```
    /// use sluicegate::{
    ///     key::{self, KeyExt},
    ///     limit::{Local, Quota, RateLimitLayer, TokenBucket},
    /// };
    ///
    /// let limiter = Local::keyed(TokenBucket::new(Quota::per_second(10)));
    /// let layer = RateLimitLayer::new(limiter).key(key::header("authorization").hashed());
    /// # let _ = layer;
    /// ```
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
    /// The value of the first key.
    First(A),
    /// The value of the second key, because the request does not have the
    /// first.
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

    /// A server that does not know its peers is at fault even if a header would
    /// have helped.
    fn absence(&self, req: &Req) -> Absence {
        self.0.absence(req).max(self.1.absence(req))
    }
}
