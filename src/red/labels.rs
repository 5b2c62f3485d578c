//! What requests are told apart by.

use std::{borrow::Cow, fmt, sync::Arc};

use super::http::http_methods;

/// Which requests, seen from which side.
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
    pub(crate) const ALL: [Self; 5] = [
        Self::HttpServer,
        Self::HttpClient,
        Self::GrpcServer,
        Self::GrpcClient,
        Self::Call,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HttpServer => "http_server",
            Self::HttpClient => "http_client",
            Self::GrpcServer => "grpc_server",
            Self::GrpcClient => "grpc_client",
            Self::Call => "call",
        }
    }

    /// Whether the side that asks is the one that counts, for which an answer
    /// of 4xx is a failure too.
    pub fn is_client(self) -> bool {
        matches!(self, Self::HttpClient | Self::GrpcClient)
    }

    /// Whether it is gRPC.
    pub fn is_grpc(self) -> bool {
        matches!(self, Self::GrpcServer | Self::GrpcClient)
    }
}

/// The route of requests that no route matches.
pub const UNMATCHED: &str = "_unmatched";

/// The route of requests for which there is no room in the registry.
pub const OVERFLOW: &str = "_overflow";

/// The method of requests of methods that are not known.
pub const OTHER: &str = "_OTHER";

/// What requests are told apart by, before it is known what came of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels {
    pub(crate) kind: Kind,
    pub(crate) method: Cow<'static, str>,
    pub(crate) route: Arc<str>,
    pub(crate) peer: Arc<str>,
}

impl Labels {
    /// Which requests, seen from which side.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The method of HTTP, one of those that are
    /// [known](super::Builder::http_methods), or [`OTHER`]; empty for what has none.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The template of the route, such as `/orders/{id}`, or [`UNMATCHED`]; of gRPC
    /// the method, such as `pkg.Service/Method`, or [`OTHER`]; of other calls their
    /// name.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// Who is asked, of requests sent: `host:port` as in the request's URI. Empty
    /// where that is not known.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    pub(crate) fn borrowed(&self) -> LabelsRef<'_> {
        LabelsRef {
            kind: self.kind,
            method: &self.method,
            route: &self.route,
            peer: &self.peer,
        }
    }
}

/// What a request looks for: its labels, borrowed from wherever they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LabelsRef<'a> {
    pub(crate) kind: Kind,
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    pub(crate) peer: &'a str,
}

impl LabelsRef<'_> {
    pub(crate) fn to_labels(self) -> Labels {
        Labels {
            kind: self.kind,
            method: http_methods::owned(self.method),
            route: self.route.into(),
            peer: self.peer.into(),
        }
    }

    /// Where requests of a kind are counted for which there is no room.
    pub(crate) fn overflow(kind: Kind) -> LabelsRef<'static> {
        LabelsRef {
            kind,
            method: if kind.is_grpc() || kind == Kind::Call {
                ""
            } else {
                OTHER
            },
            route: OVERFLOW,
            peer: "",
        }
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.as_str())?;
        let parts = [&*self.method, &self.route, &self.peer];
        let mut parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.try_for_each(|part| write!(f, " {part}"))
    }
}
