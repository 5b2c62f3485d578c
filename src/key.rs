//! Whose budget is this: the part of a request that a limit goes by.
//!
//! A [`Key`] reads something out of a request: who sent it, what it is for.
//! Requests with equal keys share a budget.
//!
//! | key | goes by |
//! |---|---|
//! | [`Global`] | nothing: one budget for all |
//! | [`header`] | the value of a header, such as an API key |
//! | [`extension`] | something that a layer further out put into the request, such as a user |
//! | [`ClientIp`] | the client's address, through the proxies that you trust |
//! | [`by`] | whatever a closure makes of the request |
//! | a tuple of keys | all of them together; before [`All`](crate::limit::All), each limit by its own |
//! | [`or`](KeyExt::or) | the second where the first finds nothing |
//! | [`hashed`](KeyExt::hashed) | the same, and writes only a hash of it into Redis |
//!
//! ```
//! use http::Request;
//! use sluicegate::key::{self, Key, KeyExt};
//!
//! // By API key, or else all anonymous requests by their method.
//! let key = key::header("x-api-key").or(key::by(|req: &Request<()>| Some(req.method().clone())));
//!
//! let request = Request::get("/").header("x-api-key", "k1").body(()).unwrap();
//! assert!(key.key(&request).is_some());
//! ```
//!
//! # What a key has to be
//!
//! | the limiter keeps its state | a key is | because |
//! |---|---|---|
//! | in process: [`Local`](crate::limit::Local) | [`Hash`] | the hash is all that is kept of it |
//! | in Redis, for a fleet | [`Spell`] | every process has to find the same bucket, by a name |
//!
//! Numbers, texts, bytes, addresses and whatever the keys above make of a
//! request are both. What comes out of [`extension`] and [`by`] is as good as
//! its type: one of your own implements [`Spell`] in [two
//! lines](Spell#keys-of-your-own).

use std::{fmt, hash::Hash};

mod absence;
mod by;
mod hashed;
mod http;
mod ip;
mod spell;

pub(crate) use self::absence::PeerWarning;
#[cfg(feature = "redis")]
pub(crate) use self::spell::name_in_store;
pub use self::{
    absence::Absence,
    by::{By, ByRef, Read, by, by_ref},
    hashed::{Hashed, HashedKey},
    http::{Extension, Header, extension, header},
    ip::{Client, ClientIp, UnixPeer},
    spell::{Name, Spell},
};

/// Reads from a request whose budget it draws on.
///
/// A layer takes a key for the type of its requests:
///
/// ```compile_fail,E0277
/// use http::Request;
/// use sluicegate::key::{self, Key};
///
/// // A user's name is not a key: it has to be read from each request.
/// fn is_key(_: impl Key<Request<()>>) {}
/// is_key("ann");
/// ```
///
/// A key may borrow from the request: only its hash is kept.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not read a key from `{Req}`",
    label = "not a `Key` for this type of requests",
    note = "take one of `sluicegate::key`, such as `ClientIp::peer()` or `key::header(\"x-api-key\")`, \
            or wrap a closure: `key::by(|req: &{Req}| Some(..))`; what comes out of it has to \
            implement `Hash` and `Debug`"
)]
pub trait Key<Req> {
    /// What the limit goes by. Its `Debug` form appears in logs where
    /// [`log_keys`](crate::limit::RateLimitLayer::log_keys) is on.
    type Key<'a>: Hash + fmt::Debug
    where
        Self: 'a,
        Req: 'a;

    /// The key of this request; `None` if it has none.
    fn key<'a>(&'a self, req: &'a Req) -> Option<Self::Key<'a>>;

    /// Why a request has no key: asked only where [`key`](Self::key) has found
    /// none. Unless overridden, the caller did not send it.
    fn absence(&self, req: &Req) -> Absence {
        let _ = req;
        Absence::NotSent
    }
}

/// One budget for all requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Global;

impl<Req> Key<Req> for Global {
    type Key<'a>
        = ()
    where
        Req: 'a;

    #[inline]
    fn key<'a>(&'a self, _req: &'a Req) -> Option<()> {
        Some(())
    }
}

macro_rules! tuple {
    ($($name:ident)+) => {
        impl<Req, $($name: Key<Req>),+> Key<Req> for ($($name,)+) {
            type Key<'a> = ($($name::Key<'a>,)+) where Self: 'a, Req: 'a;

            #[allow(non_snake_case, reason = "each part is named like its type")]
            fn key<'a>(&'a self, req: &'a Req) -> Option<Self::Key<'a>> {
                let ($($name,)+) = self;
                Some(($($name.key(req)?,)+))
            }

            #[allow(non_snake_case, reason = "each part is named like its type")]
            fn absence(&self, req: &Req) -> Absence {
                let ($($name,)+) = self;
                let absences = [$($name.key(req).is_none().then(|| $name.absence(req))),+];
                absences.into_iter().flatten().max().unwrap_or(Absence::NotSent)
            }
        }
    };
}

tuple!(A B);
tuple!(A B C);
tuple!(A B C D);

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
