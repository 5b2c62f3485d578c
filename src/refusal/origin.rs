//! Which request a refusal answers, so that a layer further out can tell its own
//! request's refusal from one that a handler got for a request that it sent.
//!
//! A layer that has to know [marks](Passed) the request that it passes on. A layer
//! further in that refuses notes the mark in the refusal ([`Origin`]). A handler's own
//! requests bear another mark, or none.

use std::{
    any::Any,
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{Extensions, Request, uri::PathAndQuery};
use http_body_util::{
    Full,
    combinators::{BoxBody, UnsyncBoxBody},
};

use super::{refusal::Refusal, refuse::BoxError};

/// A function for requests of each body that is known here.
macro_rules! known {
    ($of:ident) => {
        [
            $of::<()>,
            $of::<String>,
            $of::<Bytes>,
            $of::<Full<Bytes>>,
            $of::<BoxBody<Bytes, BoxError>>,
            $of::<UnsyncBoxBody<Bytes, BoxError>>,
            #[cfg(feature = "idempotency")]
            $of::<crate::idempotency::BufferedBody>,
            #[cfg(feature = "axum")]
            $of::<axum::body::Body>,
            #[cfg(feature = "tonic")]
            $of::<tonic::body::Body>,
        ]
    };
}

/// What a layer leaves among the extensions of a request, so that it knows it again.
/// Of four billion requests no two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark(NonZeroU32);

impl Mark {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Self(NonZeroU32::new(NEXT.fetch_add(1, Relaxed)).unwrap_or(NonZeroU32::MIN))
    }
}

/// What a refusal knows of the request that it answers. Small, because a refusal is
/// what functions fail with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    mark: Option<Mark>,
    /// The address of the original path, or one of the two below.
    path: u32,
}

/// There is no original path.
const NO_PATH: u32 = 0;

/// The request could not be looked into.
const UNSEEN: u32 = 1;

impl Origin {
    /// That of a request of a type that cannot be looked into.
    pub(crate) const UNKNOWN: Self = Self {
        mark: None,
        path: UNSEEN,
    };

    pub(crate) fn of(extensions: &Extensions) -> Self {
        Self {
            mark: extensions.get().copied(),
            path: original(extensions).map_or(NO_PATH, address),
        }
    }

    /// The same for a request of whatever type, if it is one of HTTP with a body that
    /// is known here.
    pub(crate) fn of_any<Req: 'static>(req: &Req) -> Self {
        let any: &dyn Any = req;
        let found = known!(extensions)
            .into_iter()
            .find_map(|extensions| extensions(any));
        found.map_or(Self::UNKNOWN, Self::of)
    }

    pub(super) fn is_known(self) -> bool {
        self.path != UNSEEN
    }
}

fn extensions<B: 'static>(any: &dyn Any) -> Option<&Extensions> {
    any.downcast_ref::<Request<B>>().map(Request::extensions)
}

fn extensions_mut<B: 'static>(any: &mut dyn Any) -> Option<&mut Extensions> {
    any.downcast_mut::<Request<B>>()
        .map(Request::extensions_mut)
}

/// A request that was passed on, and by what it is known again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed {
    mark: Option<Mark>,
    /// Kept, so that its address stays its own.
    path: Option<PathAndQuery>,
}

impl Passed {
    /// Marks the request, unless a layer further out has.
    #[cfg(feature = "idempotency")]
    pub(crate) fn marked(extensions: &mut Extensions) -> Self {
        let mark = extensions.get().copied().unwrap_or_else(Mark::new);
        extensions.insert(mark);
        Self {
            mark: Some(mark),
            path: None,
        }
    }

    /// The same, but takes no memory where axum has left the original path, whose
    /// address does.
    pub(crate) fn noted(extensions: &mut Extensions) -> Self {
        if let Some(&mark) = extensions.get::<Mark>() {
            let mark = Some(mark);
            return Self { mark, path: None };
        }
        if let Some(path) = original(extensions) {
            let path = Some(path.clone());
            return Self { mark: None, path };
        }
        let mark = Mark::new();
        extensions.insert(mark);
        Self {
            mark: Some(mark),
            path: None,
        }
    }

    /// The same for a request of whatever type. One that is not of HTTP, or whose body
    /// is not known here, bears no mark.
    pub(crate) fn noted_in_any<Req: 'static>(req: &mut Req) -> Self {
        for extensions in known!(extensions_mut) {
            if let Some(extensions) = extensions(req) {
                return Self::noted(extensions);
            }
        }
        Self::default()
    }

    /// Whether this refusal answers that request; `None` where the refusal does not
    /// know.
    pub(crate) fn is_refused_by(&self, refusal: &Refusal) -> Option<bool> {
        let Origin { mark, path } = refusal.origin;
        refusal.origin.is_known().then(|| match &self.path {
            Some(own) => path == address(own),
            None => mark.is_some() && mark == self.mark,
        })
    }
}

/// The path that was asked for. A path of one byte is in memory once for all
/// requests, so that it tells none apart.
#[cfg(feature = "axum")]
fn original(extensions: &Extensions) -> Option<&PathAndQuery> {
    let uri: &axum::extract::OriginalUri = extensions.get()?;
    uri.path_and_query().filter(|path| path.path().len() > 1)
}

#[cfg(not(feature = "axum"))]
fn original(_extensions: &Extensions) -> Option<&PathAndQuery> {
    None
}

/// Its lower half, and none of the other two.
fn address(path: &PathAndQuery) -> u32 {
    (path.path().as_ptr().addr() as u32).max(UNSEEN + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(req: &Request<String>) -> Refusal {
        Refusal::no_key().answering(Origin::of_any(req))
    }

    #[test]
    fn a_request_is_known_by_its_mark_and_no_other_is() {
        let mut req = Request::new(String::new());
        let passed = Passed::noted(req.extensions_mut());
        assert_eq!(passed.is_refused_by(&refused(&req)), Some(true));
        let other = Request::new(String::new());
        assert_eq!(passed.is_refused_by(&refused(&other)), Some(false));
        let mut other = other;
        let of_the_other = Passed::noted(other.extensions_mut());
        assert_eq!(passed.is_refused_by(&refused(&other)), Some(false));
        assert_eq!(of_the_other.is_refused_by(&refused(&other)), Some(true));
        // A layer further in marks it no second time.
        let further_in = Passed::noted(req.extensions_mut());
        assert_eq!(further_in.is_refused_by(&refused(&req)), Some(true));
        assert_eq!(passed.is_refused_by(&refused(&req)), Some(true));
        assert_eq!(passed.is_refused_by(&Refusal::no_key()), None);
    }

    #[cfg(feature = "axum")]
    #[test]
    fn a_request_is_known_by_the_path_that_axum_has_left() {
        use axum::extract::OriginalUri;

        let request = |path: &str| {
            let mut req = Request::new(String::new());
            let uri = OriginalUri(path.parse().unwrap());
            req.extensions_mut().insert(uri);
            req
        };
        for path in ["/orders", "/"] {
            let (mut req, other) = (request(path), request(path));
            let passed = Passed::noted(req.extensions_mut());
            assert_eq!(passed.is_refused_by(&refused(&req)), Some(true), "{path}");
            assert_eq!(passed.is_refused_by(&refused(&other)), Some(false));
        }
    }
}
