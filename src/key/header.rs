//! Keys that are in the head of an HTTP request: headers and extensions.

use std::{any::Any, fmt, hash::Hash, marker::PhantomData};

use http::{HeaderName, HeaderValue, Request};

use super::key::Key;
use crate::error::{InvalidSetting, valid};

/// Uses the value of a header, byte for byte. The name may be in any case. If
/// the header is there more than once, the first one counts. To ask the limiter
/// for that bucket by hand, use the `HeaderValue` or its bytes.
///
/// A client chooses its headers, so it escapes this limit by changing the
/// value, unless a layer further out has checked it.
///
/// The value is part of the bucket's name in Redis, which anyone can read who
/// may list keys. [Hash](super::KeyExt::hashed) a secret, such as a token:
///
/// ```
/// use http::Request;
/// use sluicegate::key::{self, Key, KeyExt};
///
/// let by_token = key::header("Authorization").hashed();
/// let request = Request::get("/").header("authorization", "Bearer t0ken").body(()).unwrap();
/// assert!(by_token.key(&request).is_some());
/// ```
///
/// # Panics
///
/// If `name` is not an HTTP token (RFC 9110, section 5.6.2).
#[track_caller]
pub fn header(name: &str) -> Header {
    Header(valid(header_name(name)))
}

/// Parses the name of a header, which may be in any case.
pub(super) fn header_name(name: &str) -> Result<HeaderName, InvalidSetting> {
    let refused = |_| InvalidSetting::text("header name", name, "a token of HTTP, in any case");
    HeaderName::from_bytes(name.as_bytes()).map_err(refused)
}

/// The key that [`header`] makes.
#[derive(Clone, Debug)]
pub struct Header(HeaderName);

impl<B> Key<Request<B>> for Header {
    type Key<'a>
        = &'a HeaderValue
    where
        B: 'a;

    fn key<'a>(&'a self, req: &'a Request<B>) -> Option<&'a HeaderValue> {
        req.headers().get(&self.0)
    }
}

/// Uses a value of type `T` in the request's extensions, which a layer further
/// out has put there: an authenticated user, a tenant, a plan.
///
/// ```
/// use http::Request;
/// use sluicegate::key::{self, Key};
///
/// #[derive(Clone, Debug, Hash, PartialEq)]
/// struct Tenant(u32);
///
/// let mut request = Request::new(());
/// assert!(key::extension::<Tenant>().key(&request).is_none());
/// request.extensions_mut().insert(Tenant(7));
/// assert_eq!(key::extension::<Tenant>().key(&request), Some(&Tenant(7)));
/// ```
pub fn extension<T>() -> Extension<T> {
    Extension(PhantomData)
}

/// The key that [`extension`] makes.
pub struct Extension<T>(PhantomData<fn() -> T>);

impl<B, T: Any + Send + Sync + Hash + fmt::Debug> Key<Request<B>> for Extension<T> {
    type Key<'a>
        = &'a T
    where
        B: 'a;

    fn key<'a>(&'a self, req: &'a Request<B>) -> Option<&'a T> {
        req.extensions().get()
    }
}

// Derives would demand `T: Clone` and `T: Copy`, which a key does not need.
impl<T> Clone for Extension<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Extension<T> {}

impl<T> fmt::Debug for Extension<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extension<{}>", std::any::type_name::<T>())
    }
}
