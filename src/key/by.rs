//! Keys that a closure or a function reads.

use std::{fmt, hash::Hash};

use super::key::Key;

/// Goes by whatever `read` makes of the request.
///
/// ```
/// use sluicegate::key::{self, Key};
///
/// let by_length = key::by(|line: &String| Some(line.len()));
/// assert_eq!(by_length.key(&"four".to_string()), Some(4));
/// ```
///
/// A function may borrow from the request; for a closure that does, see
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

/// The key that [`by`] makes.
#[derive(Clone, Copy)]
pub struct By<F>(F);

/// A closure or a function from a reference to a request to a key, if it has
/// one; what [`by`] takes. It is implemented for all of them.
pub trait Read<'a, Req, Bound = &'a Req> {
    /// The key, which may borrow from the request.
    type Key: Hash + fmt::Debug;

    /// Calls it.
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

/// Goes by what `read` borrows from the request, without a copy of it.
///
/// ```
/// use http::Request;
/// use sluicegate::key::{self, Key};
///
/// let by_path = key::by_ref(|req: &Request<()>| Some(req.uri().path()));
/// let request = Request::get("/orders").body(()).unwrap();
/// assert_eq!(by_path.key(&request), Some("/orders"));
/// ```
pub fn by_ref<Req, T: ?Sized, F>(read: F) -> ByRef<F>
where
    F: Fn(&Req) -> Option<&T>,
{
    ByRef(read)
}

/// The key that [`by_ref`] makes.
#[derive(Clone, Copy)]
pub struct ByRef<F>(F);

impl<Req, T, F> Key<Req> for ByRef<F>
where
    F: Fn(&Req) -> Option<&T>,
    T: Hash + fmt::Debug + ?Sized + 'static,
{
    type Key<'a>
        = &'a T
    where
        Self: 'a,
        Req: 'a;

    fn key<'a>(&'a self, req: &'a Req) -> Option<&'a T> {
        (self.0)(req)
    }
}

impl<F> fmt::Debug for ByRef<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByRef")
    }
}
