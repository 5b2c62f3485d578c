//! The settings of a layer that are no types of their own.

use std::{borrow::Cow, fmt, sync::Arc};

use http::{HeaderName, Method, header::CONTENT_TYPE, request::Parts};

use super::{
    body::budget::Budget,
    latency::Typical,
    request::{
        compare::{Comparing, Own},
        key_extractor::Keyed,
    },
    retention::{policy::Keeping, replay::Replaying},
};
use crate::idempotency::{
    fingerprint::{Fingerprint, FingerprintBuilder},
    key::KeyForm,
    runner::OnError,
    scope::Name,
    scope::Scope,
    store::StoreError,
    waiting::Waiting,
};
use crate::{content::essence, key::PeerWarning};

/// As much as most services take, and a store can have many of.
const MIB: usize = 1 << 20;

#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) namespace: String,
    pub(crate) methods: Vec<Method>,
    pub(crate) header: HeaderName,
    pub(crate) form: KeyForm,
    /// Whether the same key on another route is another key.
    pub(crate) by_route: bool,
    pub(crate) route: Option<Route>,
    pub(crate) max_request_body: usize,
    pub(crate) max_response_body: usize,
    /// Of all bodies that are read or held.
    pub(crate) budget: Budget,
    pub(crate) compares_body: bool,
    pub(crate) comparing: Comparing,
    /// Headers in which two requests may not differ.
    pub(crate) compared: Vec<HeaderName>,
    pub(crate) keeping: Keeping,
    pub(crate) replaying: Replaying,
    pub(crate) on_error: OnError,
    pub(crate) fails_open: bool,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) typical: Typical,
    pub(crate) peer_warning: PeerWarning,
}

/// Says which route a request is on.
#[derive(Clone)]
pub(crate) struct Route(pub(crate) Arc<dyn Fn(&Parts) -> String + Send + Sync>);

impl Terms {
    pub(crate) fn new() -> Self {
        Self {
            namespace: String::from("http"),
            methods: vec![Method::POST, Method::PATCH],
            header: HeaderName::from_static("idempotency-key"),
            form: KeyForm::new(),
            by_route: true,
            route: None,
            max_request_body: MIB,
            max_response_body: MIB,
            budget: Budget::of(64 * MIB),
            compares_body: true,
            comparing: Comparing::default(),
            compared: Vec::new(),
            keeping: Keeping::default(),
            replaying: Replaying::new(),
            on_error: OnError::Lapse,
            fails_open: false,
            waiting: None,
            typical: Typical::default(),
            peer_warning: PeerWarning::default(),
        }
    }

    /// What a request's record is called.
    pub(crate) fn name(&self, keyed: &Keyed, head: &Parts) -> Name {
        let route = self.route(head);
        let mut scope = Scope::new(&self.namespace);
        if let Some(principal) = &keyed.principal {
            scope = scope.principal(principal);
        }
        if self.by_route {
            scope = scope.method(head.method.as_str()).route(&*route);
        }
        scope.name(&keyed.key)
    }

    fn route<'a>(&self, head: &'a Parts) -> Cow<'a, str> {
        match &self.route {
            Some(Route(route)) => route(head).into(),
            None => matched(head).unwrap_or(whole_path(head)).into(),
        }
    }

    /// What a request is, of which this is the body if bodies are compared.
    pub(crate) fn fingerprint(&self, head: &Parts, body: Option<&[u8]>) -> Fingerprint {
        if let Some(Own(own)) = &self.comparing.own {
            return own(head, body.unwrap_or_default());
        }
        let content_type = head.headers.get(CONTENT_TYPE);
        let content_type = content_type.map(|it| essence(it).to_ascii_lowercase());
        let request = Fingerprint::builder()
            .part(head.method.as_str())
            .chunks(paths(head))
            .optional(head.uri.query())
            .optional(content_type);
        let request = self.comparing.body(request, head, body);
        let compared = self.compared.iter();
        let compare = |request, name| compare(request, head, name);
        compared.fold(request, compare).finish()
    }

    /// Whether work is done though the store cannot tell whether it was. What has
    /// a record was done, whether that can be read or not.
    pub(crate) fn opens(&self, error: &StoreError) -> bool {
        self.fails_open && !matches!(error, StoreError::Record(_))
    }
}

fn compare(request: FingerprintBuilder, head: &Parts, name: &HeaderName) -> FingerprintBuilder {
    let values = head.headers.get_all(name);
    let lines = values.iter().count().to_be_bytes();
    let request = request.part(name).part(lines);
    values.iter().fold(request, FingerprintBuilder::part)
}

#[cfg(feature = "axum")]
fn matched(head: &Parts) -> Option<&str> {
    let matched: Option<&axum::extract::MatchedPath> = head.extensions.get();
    matched.map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
fn matched(_head: &Parts) -> Option<&str> {
    None
}

/// The path; and where that is the end of one, as what is nested sees it, the whole
/// behind a space, which none has.
fn paths(head: &Parts) -> [&[u8]; 3] {
    let (path, whole) = (head.uri.path(), whole_path(head));
    match path == whole {
        true => [path.as_bytes(), b"", b""],
        false => [path.as_bytes(), b" ", whole.as_bytes()],
    }
}

/// The path that was asked for, of which what is nested in a router of axum sees the
/// end alone.
#[cfg(feature = "axum")]
fn whole_path(head: &Parts) -> &str {
    let whole: Option<&axum::extract::OriginalUri> = head.extensions.get();
    whole.map_or(head.uri.path(), |whole| whole.path())
}

#[cfg(not(feature = "axum"))]
fn whole_path(head: &Parts) -> &str {
    head.uri.path()
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("namespace", &self.namespace)
            .field("methods", &self.methods)
            .field("header", &self.header)
            .field("form", &self.form)
            .field("max_request_body", &self.max_request_body)
            .field("max_response_body", &self.max_response_body)
            .field("fails_open", &self.fails_open)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}
