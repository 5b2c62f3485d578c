//! The trait of all keys, and those that need nothing else.

use std::{fmt, hash::Hash};

use super::absence::Absence;

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
