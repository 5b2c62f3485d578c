//! Keys that a closure or a function reads.

use std::{fmt, hash::Hash};

use super::key::Key;

/// Uses whatever `read` returns as the key: a closure or a function from
/// `&Req` to `Option<K>`, where `K` implements `Hash` and `Debug`.
///
/// ```
/// use sluicegate::key::{self, Key};
///
/// let by_length = key::by(|line: &String| Some(line.len()));
/// assert_eq!(by_length.key(&"four".to_string()), Some(4));
/// ```
///
/// A function may borrow from the request. For a closure that borrows, see
/// [`by_ref`]:
///
/// ```
/// use http::Request;
/// use sluicegate::key::{self, Key};
///
/// fn host_and_path(req: &Request<()>) -> Option<(&str, &str)> {
///     Some((req.uri().host()?, req.uri().path()))
/// }
///
/// let key = key::by(host_and_path);
/// let request = Request::get("http://a.example/b").body(()).unwrap();
/// assert_eq!(key.key(&request), Some(("a.example", "/b")));
/// ```
pub fn by<Req, F>(read: F) -> By<F>
where
    F: for<'a> Read<'a, Req>,
{
    By(read)
}

/// Uses what `read` borrows from the request as the key, without copying it.
///
/// The compiler infers the lifetimes of such a closure only here, not in
/// [`by`].
///
/// ```
/// use http::Request;
/// use sluicegate::key::{self, Key};
///
/// let by_path = key::by_ref(|req: &Request<()>| Some(req.uri().path()));
/// let request = Request::get("/orders").body(()).unwrap();
/// assert_eq!(by_path.key(&request), Some("/orders"));
/// ```
pub fn by_ref<Req, T: ?Sized, F>(read: F) -> By<F>
where
    F: Fn(&Req) -> Option<&T>,
{
    By(read)
}

/// The key that [`by`] and [`by_ref`] make.
///
/// To name it in a struct, give it a function pointer:
///
/// ```
/// use http::{Method, Request};
/// use sluicegate::key::{self, By};
///
/// struct Limits {
///     key: By<fn(&Request<()>) -> Option<Method>>,
/// }
///
/// let limits = Limits { key: key::by(|req| Some(req.method().clone())) };
/// # let _ = limits.key;
/// ```
#[derive(Clone, Copy)]
pub struct By<F>(F);

/// A function from `&'a Req` to a key. Implemented for all of them; a trait of
/// its own because a bound on `Fn` cannot say that the key borrows for `'a`.
pub trait Read<'a, Req, Bound = &'a Req> {
    /// The key, which may borrow from the request.
    type Key: Hash + fmt::Debug;

    /// Calls the function.
    fn read(&self, req: &'a Req) -> Option<Self::Key>;
}

impl<'a, Req: 'a, F, T> Read<'a, Req> for F
where
    F: Fn(&'a Req) -> Option<T>,
    T: Hash + fmt::Debug,
{
    type Key = T;

    fn read(&self, req: &'a Req) -> Option<T> {
        self(req)
    }
}

impl<Req, F> Key<Req> for By<F>
where
    F: for<'a> Read<'a, Req>,
{
    type Key<'a>
        = <F as Read<'a, Req>>::Key
    where
        Self: 'a,
        Req: 'a;

    fn key<'a>(&'a self, req: &'a Req) -> Option<Self::Key<'a>> {
        self.0.read(req)
    }
}

impl<F> fmt::Debug for By<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("By")
    }
}
