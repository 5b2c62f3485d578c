//! The labels that tell series apart, before it is known how a request ended.

use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The protocol of a request, and the side that counts it.
///
/// ```
/// use sluicegate::red::Kind;
///
/// assert_eq!(Kind::GrpcClient.as_str(), "grpc_client");
/// assert!(Kind::GrpcClient.is_client() && Kind::GrpcClient.is_grpc());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// HTTP requests that were received.
    HttpServer,
    /// HTTP requests that were sent.
    HttpClient,
    /// gRPC calls that were received.
    GrpcServer,
    /// gRPC calls that were made.
    GrpcClient,
    /// Calls of any other service.
    Call,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub(crate) const ALL: [Self; 5] = [
        Self::HttpServer,
        Self::HttpClient,
        Self::GrpcServer,
        Self::GrpcClient,
        Self::Call,
    ];

    /// Returns its name, such as `http_server`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HttpServer => "http_server",
            Self::HttpClient => "http_client",
            Self::GrpcServer => "grpc_server",
            Self::GrpcClient => "grpc_client",
            Self::Call => "call",
        }
    }

    /// Returns whether these requests were sent by this process. For a client a
    /// 4xx answer is a failure, too.
    pub fn is_client(self) -> bool {
        matches!(self, Self::HttpClient | Self::GrpcClient)
    }

    /// Returns whether these requests are gRPC calls.
    pub fn is_grpc(self) -> bool {
        matches!(self, Self::GrpcServer | Self::GrpcClient)
    }

    /// Returns the side whose budget of series these requests use.
    pub(crate) fn side(self) -> Side {
        match self.is_client() {
            true => Side::Client,
            false => Side::Server,
        }
    }
}

/// The side of a connection that counts a request.
///
/// Each side has its own budget of series, so that a client that calls many
/// hosts (webhooks, for example) cannot use up the room of the served routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Requests that are received, and calls of other services, whose names the
    /// program itself chooses.
    Server,
    /// Requests that are sent.
    Client,
}

impl Side {
    /// Both sides, in the order of their numbers.
    pub(crate) const ALL: [Self; 2] = [Self::Server, Self::Client];
}

/// The labels of a series: what is known of a request before it ends.
///
/// ```
/// use http::{Method, StatusCode};
/// use sluicegate::red::{Kind, Registry};
///
/// let metrics = Registry::new();
/// metrics.preregister(&Method::GET, "/orders/{id}", [StatusCode::OK]);
/// let labels = &metrics.snapshot().series[0].labels;
/// assert_eq!(labels.kind(), Kind::HttpServer);
/// assert_eq!((labels.method(), labels.route(), labels.peer()), ("GET", "/orders/{id}", ""));
/// assert_eq!(labels.to_string(), "http_server GET /orders/{id}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels {
    pub(crate) kind: Kind,
    pub(crate) method: Cow<'static, str>,
    pub(crate) route: Arc<str>,
    pub(crate) peer: Arc<str>,
}

impl Labels {
    /// The route of requests that no route of the router matches.
    pub const UNMATCHED: &'static str = "_unmatched";

    /// The route of requests that the registry has no room to tell apart.
    pub const OVERFLOW: &'static str = "_overflow";

    /// The label of HTTP methods and gRPC methods that the registry does not
    /// know.
    pub const OTHER: &'static str = "_OTHER";

    /// Returns the protocol of these requests, and the side that counts them.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the HTTP method if the registry [knows
    /// it](super::Builder::http_methods), or else [`OTHER`](Self::OTHER). Empty
    /// for gRPC and for other calls.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the route.
    ///
    /// For HTTP it is the template of the route, such as `/orders/{id}`, or
    /// [`UNMATCHED`](Self::UNMATCHED); for gRPC the method, such as
    /// `pkg.Service/Method`, or [`OTHER`](Self::OTHER); for other calls their
    /// name.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// Returns the server that requests were sent to: `host:port` as in the
    /// request's URI. Empty for received requests, and for a URI without a
    /// host.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Returns the same labels as a request borrows them.
    pub(crate) fn borrowed(&self) -> LabelsRef<'_> {
        LabelsRef {
            kind: self.kind,
            method: &self.method,
            route: &self.route,
            peer: &self.peer,
        }
    }
}

/// Labels that are borrowed from a request, so that looking up a series
/// allocates nothing.
#[derive(Clone, Copy, Debug, Eq)]
pub(crate) struct LabelsRef<'a> {
    pub(crate) kind: Kind,
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    pub(crate) peer: &'a str,
}

impl<'a> LabelsRef<'a> {
    /// Returns labels without an HTTP method and without a peer.
    pub(crate) fn of(kind: Kind, route: &'a str) -> Self {
        Self {
            kind,
            method: "",
            route,
            peer: "",
        }
    }

    /// Copies the labels into a series that keeps them.
    pub(crate) fn to_labels(self) -> Labels {
        Labels {
            kind: self.kind,
            method: owned_method(self.method),
            route: self.route.into(),
            peer: self.peer.into(),
        }
    }

    /// Returns the labels of the series that counts the requests of a kind for
    /// which there is no room.
    pub(crate) fn overflow(kind: Kind) -> LabelsRef<'static> {
        let method = match kind {
            Kind::HttpServer | Kind::HttpClient => Labels::OTHER,
            _ => "",
        };
        LabelsRef {
            method,
            ..LabelsRef::of(kind, Labels::OVERFLOW)
        }
    }
}

/// Compares the labels that differ most first.
impl PartialEq for LabelsRef<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
            && is_same(self.route, other.route)
            && is_same(self.method, other.method)
            && is_same(self.peer, other.peer)
    }
}

/// Hashes what there is of the parts. Labels that share a hash by that are told
/// apart by `eq`.
impl Hash for LabelsRef<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.kind as u64);
        for part in [self.method, self.route, self.peer] {
            if !part.is_empty() {
                state.write(part.as_bytes());
            }
        }
    }
}

/// Compares two labels.
#[inline]
fn is_same(one: &str, other: &str) -> bool {
    // An empty string has no address. The C library's `memcmp` loads from it
    // nevertheless, masked, which takes some processors 80 ns.
    one.len() == other.len() && (one.is_empty() || one == other)
}

/// The HTTP methods that are told apart by default: those that OpenTelemetry's
/// semantic conventions name (RFC 9110, PATCH of RFC 5789, and QUERY).
pub(crate) const STANDARD_METHODS: [&str; 10] = [
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY",
];

/// Returns a method for labels to keep. Only a method outside of the standard
/// list is allocated.
pub(crate) fn owned_method(name: &str) -> Cow<'static, str> {
    let known = STANDARD_METHODS.iter().chain([&Labels::OTHER, &""]);
    match known.copied().find(|known| *known == name) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(name.to_owned()),
    }
}

/// Writes the kind and all labels that are not empty, separated by spaces.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.as_str())?;
        let parts = [&*self.method, &self.route, &self.peer];
        let mut parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.try_for_each(|part| write!(f, " {part}"))
    }
}
