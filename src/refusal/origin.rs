//! Identifies the request that a refusal answers. `red` and `idempotency` need
//! to know whether a layer further in refused their own request, or whether a
//! handler passes on a refusal that it got for a request that it sent itself.
//!
//! For example, a handler calls another service through a client with a limit
//! of its own, is refused, and returns that response. The layers around the
//! handler must count it as the handler's response, not as a refusal of its
//! request.
//!
//! A layer that needs to know [marks](PassedRequest) the request that it passes
//! on. A layer further in that refuses notes the mark in the refusal
//! ([`Origin`]). A handler's own requests have a different mark, or none.

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

use crate::error::BoxError;

/// An array of one function, instantiated for each body type that is known
/// here. A layer for requests of any type can look into requests with these
/// bodies.
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

/// An extension by which a layer recognizes its request. It repeats after 2^32
/// requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RequestMark(NonZeroU32);

impl RequestMark {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        // Wraps around. 0 would be the niche of an `Option`.
        Self(NonZeroU32::new(NEXT.fetch_add(1, Relaxed)).unwrap_or(NonZeroU32::MIN))
    }
}

/// Identifies the request that a refusal answers, in 8 bytes, because functions
/// return refusals as errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    mark: Option<RequestMark>,
    /// The lower half of the address of the original path, or one of the two
    /// constants below.
    path: u32,
}

/// The request has no original path.
const NO_PATH: u32 = 0;

/// The extensions of the request could not be read.
const UNREADABLE: u32 = 1;

impl Origin {
    /// The origin of a request whose extensions cannot be read.
    pub(crate) const UNKNOWN: Self = Self {
        mark: None,
        path: UNREADABLE,
    };

    /// Returns the origin of the request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        Self {
            mark: extensions.get().copied(),
            path: original(extensions).map_or(NO_PATH, address),
        }
    }

    /// Returns the origin of a request of any type. It is known for HTTP
    /// requests with a body of a type that is listed above.
    pub(crate) fn of_any<Req: 'static>(req: &Req) -> Self {
        let any: &dyn Any = req;
        let found = known!(extensions)
            .into_iter()
            .find_map(|extensions| extensions(any));
        found.map_or(Self::UNKNOWN, Self::of)
    }

    pub(super) fn is_known(self) -> bool {
        self.path != UNREADABLE
    }
}

fn extensions<B: 'static>(any: &dyn Any) -> Option<&Extensions> {
    any.downcast_ref::<Request<B>>().map(Request::extensions)
}

fn extensions_mut<B: 'static>(any: &mut dyn Any) -> Option<&mut Extensions> {
    any.downcast_mut::<Request<B>>()
        .map(Request::extensions_mut)
}

/// Recognizes a request that a layer passed on.
#[derive(Clone, Debug, Default)]
pub(crate) struct PassedRequest {
    mark: Option<RequestMark>,
    /// Kept alive, so that no other path gets its address.
    path: Option<PathAndQuery>,
}

impl PassedRequest {
    /// Marks the request, unless a layer further out has.
    #[cfg(feature = "idempotency")]
    pub(crate) fn marked(extensions: &mut Extensions) -> Self {
        let mark = extensions.get().copied().unwrap_or_else(RequestMark::new);
        extensions.insert(mark);
        Self {
            mark: Some(mark),
            path: None,
        }
    }

    /// Marks the request, unless axum has left its original path, whose address
    /// identifies it without an allocation for the extensions.
    pub(crate) fn noted(extensions: &mut Extensions) -> Self {
        if let Some(&mark) = extensions.get::<RequestMark>() {
            let mark = Some(mark);
            return Self { mark, path: None };
        }
        if let Some(path) = original(extensions) {
            let path = Some(path.clone());
            return Self { mark: None, path };
        }
        let mark = RequestMark::new();
        extensions.insert(mark);
        Self {
            mark: Some(mark),
            path: None,
        }
    }

    /// The same for a request of any type. Without effect if it is not an HTTP
    /// request with a body of a type that is listed above.
    pub(crate) fn noted_in_any<Req: 'static>(req: &mut Req) -> Self {
        for extensions in known!(extensions_mut) {
            if let Some(extensions) = extensions(req) {
                return Self::noted(extensions);
            }
        }
        Self::default()
    }

    /// Returns whether a refusal with this origin answers that request.
    pub(super) fn is_origin(&self, Origin { mark, path }: Origin) -> bool {
        match &self.path {
            Some(own) => path == address(own),
            None => mark.is_some() && mark == self.mark,
        }
    }
}

/// Returns the path that the client asked for, which axum keeps while it strips
/// prefixes. A path of one byte is a static that all requests share, so it
/// identifies none.
#[cfg(feature = "axum")]
fn original(extensions: &Extensions) -> Option<&PathAndQuery> {
    let uri: &axum::extract::OriginalUri = extensions.get()?;
    uri.path_and_query().filter(|path| path.path().len() > 1)
}

#[cfg(not(feature = "axum"))]
fn original(_extensions: &Extensions) -> Option<&PathAndQuery> {
    None
}

/// Returns the lower half of the path's address, and never one of the
/// constants.
fn address(path: &PathAndQuery) -> u32 {
    (path.path().as_ptr().addr() as u32).max(UNREADABLE + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::{Reason, Refusal};

    fn refused(req: &Request<String>) -> Refusal {
        Refusal::because(Reason::NoKey).answering(Origin::of_any(req))
    }

    #[test]
    fn a_request_is_known_by_its_mark_and_no_other_is() {
        let mut req = Request::new(String::new());
        let passed = PassedRequest::noted(req.extensions_mut());
        assert_eq!(refused(&req).answers(&passed), Some(true));
        let other = Request::new(String::new());
        assert_eq!(refused(&other).answers(&passed), Some(false));
        let mut other = other;
        let of_the_other = PassedRequest::noted(other.extensions_mut());
        assert_eq!(refused(&other).answers(&passed), Some(false));
        assert_eq!(refused(&other).answers(&of_the_other), Some(true));
        // A layer further in marks it no second time.
        let further_in = PassedRequest::noted(req.extensions_mut());
        assert_eq!(refused(&req).answers(&further_in), Some(true));
        assert_eq!(refused(&req).answers(&passed), Some(true));
        assert_eq!(Refusal::because(Reason::NoKey).answers(&passed), None);
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
            let passed = PassedRequest::noted(req.extensions_mut());
            assert_eq!(refused(&req).answers(&passed), Some(true), "{path}");
            assert_eq!(refused(&other).answers(&passed), Some(false));
        }
    }
}
