//! The trait that all keys implement, its implementation for tuples, and the
//! key that reads nothing.

use std::{fmt, hash::Hash};

use super::absence::Absence;

/// Reads from a request whose budget it draws on.
///
/// The key has to fit the type of the layer's requests:
///
/// ```compile_fail,E0277
/// use http::Request;
/// use sluicegate::key::{self, Key};
///
/// // A name is not a key, because it does not read anything from a request.
/// fn is_key(_: impl Key<Request<()>>) {}
/// is_key("ann");
/// ```
///
/// A key may borrow from the request, because limiters store only its hash or
/// its encoded form.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not read a key from `{Req}`",
    label = "not a `Key` for this type of requests",
    note = "take one of `sluicegate::key`, such as `ClientIp::peer()` or `key::header(\"x-api-key\")`, \
            or wrap a closure: `key::by(|req: &{Req}| Some(..))`; what comes out of it has to \
            implement `Hash` and `Debug`"
)]
pub trait Key<Req> {
    /// The value that identifies a budget. Its `Debug` form appears in logs if
    /// [`log_keys`](crate::limit::RateLimitLayer::log_keys) is on.
    type Key<'a>: Hash + fmt::Debug
    where
        Self: 'a,
        Req: 'a;

    /// Returns the key of this request; `None` if it has none.
    fn key<'a>(&'a self, req: &'a Req) -> Option<Self::Key<'a>>;

    /// Returns why a request has no key. Layers call it only after
    /// [`key`](Self::key) has returned `None`. The default is that the caller did
    /// not send it.
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

/// Implements [`Key`] for a tuple. The key is missing if one of its parts is.
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
                // A server that does not know its peers outweighs a missing
                // header.
                let absences = [$($name.key(req).is_none().then(|| $name.absence(req))),+];
                absences.into_iter().flatten().max().unwrap_or(Absence::NotSent)
            }
        }
    };
}

tuple!(A B);
tuple!(A B C);
tuple!(A B C D);
