//! The name of work in a report.

use std::fmt;

use http::{Method, Request, uri::PathAndQuery};

/// The name of a request or of other work. It is kept as it comes, and written
/// only in a report: a clone for each request does not allocate.
#[derive(Clone, Debug)]
pub(crate) enum WorkName {
    /// A request.
    Request(Method, RequestPath),
    /// Work that is not a request.
    Named(&'static str),
}

/// The path of a request.
#[derive(Clone, Debug)]
pub(crate) enum RequestPath {
    /// The route that axum has matched.
    #[cfg(feature = "axum")]
    Matched(axum::extract::MatchedPath),
    /// As it was sent, because no route is known.
    Sent(Option<PathAndQuery>),
}

impl WorkName {
    /// Returns the name of a request.
    #[inline]
    pub(crate) fn of<B>(req: &Request<B>) -> Self {
        Self::Request(req.method().clone(), RequestPath::of(req))
    }

    pub(crate) fn is_request(&self) -> bool {
        matches!(self, Self::Request(..))
    }
}

impl RequestPath {
    #[inline]
    fn of<B>(req: &Request<B>) -> Self {
        #[cfg(feature = "axum")]
        if let Some(matched) = req.extensions().get::<axum::extract::MatchedPath>() {
            return Self::Matched(matched.clone());
        }
        Self::Sent(req.uri().path_and_query().cloned())
    }

    /// Returns the path without its query, which may contain secrets.
    fn as_str(&self) -> &str {
        match self {
            #[cfg(feature = "axum")]
            Self::Matched(matched) => matched.as_str(),
            Self::Sent(sent) => sent.as_ref().map_or("/", PathAndQuery::path),
        }
    }
}

impl fmt::Display for WorkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(method, path) => write!(f, "{method} {}", path.as_str()),
            Self::Named(name) => f.write_str(name),
        }
    }
}
