//! What of a request becomes labels.

use http::{Request, Uri, header::CONTENT_TYPE};

use super::{
    labels::{Kind, OTHER, Sought, UNMATCHED, method},
    methods::Methods,
};
use crate::refusal::has_trailers;

/// Says which route a request is on.
///
/// What it says becomes a label, so there must be few: the template of a route,
/// never a path. Unless set, it is what axum has matched (with the feature
/// `axum`), or a [`Template`] among the request's extensions. A closure or function
/// that knows better looks at the request:
///
/// ```
/// use http::Request;
/// use sluicegate::red::{RedLayer, Registry};
///
/// fn route(req: &Request<String>) -> Option<&str> {
///     match req.uri().path() {
///         "/orders" => Some("/orders"),
///         path if path.starts_with("/orders/") => Some("/orders/{id}"),
///         _ => None,
///     }
/// }
///
/// let metrics = Registry::new();
/// let layer = RedLayer::server(&metrics).route(route);
/// # let _ = layer;
/// ```
pub trait Route<B> {
    /// The template of its route; `None` if no route matches.
    fn route<'a>(&self, req: &'a Request<B>) -> Option<&'a str>;
}

/// What axum has matched, or else a [`Template`].
impl<B> Route<B> for () {
    #[inline]
    fn route<'a>(&self, req: &'a Request<B>) -> Option<&'a str> {
        if let Some(Template(template)) = req.extensions().get() {
            return Some(template);
        }
        matched(req)
    }
}

impl<B, F: Fn(&Request<B>) -> Option<&str>> Route<B> for F {
    fn route<'a>(&self, req: &'a Request<B>) -> Option<&'a str> {
        self(req)
    }
}

/// The template of a request's route, for who puts it among its extensions: of a
/// request that is sent, for example, where nothing else knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template(pub &'static str);

#[cfg(feature = "axum")]
#[inline]
fn matched<B>(req: &Request<B>) -> Option<&str> {
    let matched: Option<&axum::extract::MatchedPath> = req.extensions().get();
    matched.map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
fn matched<B>(_req: &Request<B>) -> Option<&str> {
    None
}

/// From which side requests are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

impl Side {
    /// What a request looks for, and whether it is a stream.
    #[inline]
    pub(super) fn sought<'a, B>(
        self,
        req: &'a Request<B>,
        route: Option<&'a str>,
        methods: &Methods,
    ) -> (Sought<'a>, bool) {
        let content_type = req.headers().get(CONTENT_TYPE);
        match (self, content_type.is_some_and(has_trailers)) {
            (Self::Server, false) => (http(Kind::HttpServer, req, route), false),
            (Self::Client, false) => (http(Kind::HttpClient, req, route), false),
            (Self::Server, true) => received(req.uri(), methods),
            (Self::Client, true) => sent(req.uri(), methods),
        }
    }
}

#[inline]
fn http<'a, B>(kind: Kind, req: &'a Request<B>, route: Option<&'a str>) -> Sought<'a> {
    let client = kind.is_client();
    Sought {
        kind,
        method: method(req.method()),
        // What has not been matched on this side of a connection is no route at all.
        route: route.unwrap_or(if client { "" } else { UNMATCHED }),
        peer: if client { peer(req.uri()) } else { "" },
    }
}

/// Anybody may send any path.
fn received<'a>(uri: &'a Uri, methods: &Methods) -> (Sought<'a>, bool) {
    let name = name(uri);
    let (route, streamed) = match methods.streams(name) {
        Some(streams) => (name, streams),
        None => (OTHER, false),
    };
    (grpc(Kind::GrpcServer, route, ""), streamed)
}

/// Of calls that are made, the method is the program's own.
fn sent<'a>(uri: &'a Uri, methods: &Methods) -> (Sought<'a>, bool) {
    let name = name(uri);
    let streamed = methods.streams(name).unwrap_or(false);
    (grpc(Kind::GrpcClient, name, peer(uri)), streamed)
}

fn grpc<'a>(kind: Kind, route: &'a str, peer: &'a str) -> Sought<'a> {
    Sought {
        kind,
        method: "",
        route,
        peer,
    }
}

fn name(uri: &Uri) -> &str {
    let path = uri.path();
    path.strip_prefix('/').unwrap_or(path)
}

/// Without a user's name and password, and without an empty port: one peer is one
/// label set.
fn peer(uri: &Uri) -> &str {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let peer = authority
        .rsplit_once('@')
        .map_or(authority, |(_, peer)| peer);
    peer.strip_suffix(':').unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sought(side: Side, req: &Request<()>) -> (Kind, &str, &str) {
        let route = Route::route(&(), req);
        let methods = Methods::new().unary("pkg.Service/Get");
        let (sought, _) = side.sought(req, route, &methods);
        (sought.kind, sought.route, sought.peer)
    }

    #[test]
    fn a_path_is_never_a_label() {
        let req = Request::get("/wp-login.php").body(()).unwrap();
        assert_eq!(
            sought(Side::Server, &req),
            (Kind::HttpServer, UNMATCHED, "")
        );
        let mut grpc = Request::post("/pkg.Service/Drop").body(()).unwrap();
        let content_type = http::HeaderValue::from_static("application/grpc+proto");
        grpc.headers_mut().insert(CONTENT_TYPE, content_type);
        assert_eq!(sought(Side::Server, &grpc), (Kind::GrpcServer, OTHER, ""));
        *grpc.uri_mut() = Uri::from_static("/pkg.Service/Get");
        assert_eq!(sought(Side::Server, &grpc).1, "pkg.Service/Get");
    }

    #[test]
    fn whom_is_asked_is_told_without_a_password() {
        let uri = "http://ann:secret@api.example:8080/users/7";
        let req = Request::get(uri).body(()).unwrap();
        let peer = "api.example:8080";
        assert_eq!(sought(Side::Client, &req), (Kind::HttpClient, "", peer));
    }

    #[test]
    fn an_empty_port_is_none() {
        for uri in ["http://[::1]/", "http://[::1]:/", "http://ann@[::1]:"] {
            let req = Request::get(uri).body(()).unwrap();
            assert_eq!(sought(Side::Client, &req).2, "[::1]", "{uri}");
        }
    }

    #[test]
    fn a_template_says_which_route() {
        let mut req = Request::get("/users/7").body(()).unwrap();
        req.extensions_mut().insert(Template("/users/{id}"));
        assert_eq!(sought(Side::Client, &req).1, "/users/{id}");
    }
}
