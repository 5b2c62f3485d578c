//! The identity of requests: two with the same name and fingerprint are the
//! same. `keyed_call` asks for both.
//!
//! The name says which key it is, in which scope. The fingerprint says which
//! request was sent under it. Records outlive the program, so neither may
//! change for a request with the same settings.

use std::{borrow::Cow, fmt, sync::Arc};

use http::{HeaderName, header::CONTENT_TYPE, request::Parts};

use super::{compare::BodyComparison, request_key::RequestKey};
use crate::{
    content::essence,
    idempotency::{
        fingerprint::{Fingerprint, FingerprintBuilder},
        scope::{Name, Scope},
    },
};

/// The settings that name a request and compare it with others.
#[derive(Clone)]
pub(crate) struct RequestIdentity {
    /// Separates services that share a store.
    pub(crate) namespace: String,
    /// Whether the same key on another route, or with another method, is
    /// another key.
    pub(crate) by_route: bool,
    /// Returns the route of a request; `None` for that of axum, or the path.
    pub(crate) route: Option<RouteFn>,
    /// Returns the whole fingerprint, in place of everything below.
    pub(crate) fingerprint: Option<FingerprintFn>,
    /// Whether the body counts. If not, it is not read.
    pub(crate) compares_body: bool,
    /// How bodies are compared.
    pub(crate) body: BodyComparison,
    /// Headers that count.
    pub(crate) headers: Vec<HeaderName>,
}

/// A user's function from a head to a route.
pub(crate) type RouteFn = Arc<dyn Fn(&Parts) -> String + Send + Sync>;

/// A user's function from a head and a body to a fingerprint.
pub(crate) type FingerprintFn = Arc<dyn Fn(&Parts, &[u8]) -> Fingerprint + Send + Sync>;

impl RequestIdentity {
    /// Creates the default: the namespace `http`, keys that are one within
    /// their route, and bodies that count.
    pub(crate) fn new() -> Self {
        Self {
            namespace: String::from("http"),
            by_route: true,
            route: None,
            fingerprint: None,
            compares_body: true,
            body: BodyComparison::default(),
            headers: Vec::new(),
        }
    }

    /// Returns the name of a request's record.
    pub(super) fn name(&self, request_key: &RequestKey, head: &Parts) -> Name {
        let route = self.route(head);
        let mut scope = Scope::new(&self.namespace);
        if let Some(principal) = &request_key.principal {
            scope = scope.principal(principal);
        }
        if self.by_route {
            scope = scope.method(head.method.as_str()).route(&*route);
        }
        scope.name(&request_key.key)
    }

    /// Returns the route that is part of the name.
    fn route<'a>(&self, head: &'a Parts) -> Cow<'a, str> {
        match &self.route {
            Some(route) => route(head).into(),
            None => matched_path(head).unwrap_or(original_path(head)).into(),
        }
    }

    /// Returns the fingerprint of a request. `body` is `None` if bodies do not
    /// count.
    pub(super) fn fingerprint(&self, head: &Parts, body: Option<&[u8]>) -> Fingerprint {
        if let Some(fingerprint) = &self.fingerprint {
            return fingerprint(head, body.unwrap_or_default());
        }
        let content_type = head.headers.get(CONTENT_TYPE);
        let content_type = content_type.map(|it| essence(it).to_ascii_lowercase());
        let request = Fingerprint::builder()
            .part(head.method.as_str())
            .chunks(paths(head))
            .optional(head.uri.query())
            .optional(content_type);
        let request = self.body.add(request, head, body);
        let names = self.headers.iter();
        let request = names.fold(request, |request, name| add_header(request, head, name));
        request.finish()
    }
}

impl fmt::Debug for RequestIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestIdentity")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// Adds the number of a header's lines, and each of them.
fn add_header(request: FingerprintBuilder, head: &Parts, name: &HeaderName) -> FingerprintBuilder {
    let values = head.headers.get_all(name);
    let lines = values.iter().count().to_be_bytes();
    let request = request.part(name).part(lines);
    values.iter().fold(request, FingerprintBuilder::part)
}

/// Returns the chunks of the path part: the path, and, in a nested router, also
/// the original path. The space between them cannot occur in a path.
fn paths(head: &Parts) -> [&[u8]; 3] {
    let (path, original) = (head.uri.path(), original_path(head));
    match path == original {
        true => [path.as_bytes(), b"", b""],
        false => [path.as_bytes(), b" ", original.as_bytes()],
    }
}

/// Returns the template of the route, as axum has matched it.
#[cfg(feature = "axum")]
fn matched_path(head: &Parts) -> Option<&str> {
    let matched: Option<&axum::extract::MatchedPath> = head.extensions.get();
    matched.map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
fn matched_path(_head: &Parts) -> Option<&str> {
    None
}

/// Returns the path that the client asked for. In a nested router of axum, the
/// request's own path is only the end of it.
#[cfg(feature = "axum")]
fn original_path(head: &Parts) -> &str {
    let original: Option<&axum::extract::OriginalUri> = head.extensions.get();
    original.map_or(head.uri.path(), |original| original.path())
}

#[cfg(not(feature = "axum"))]
fn original_path(head: &Parts) -> &str {
    head.uri.path()
}
