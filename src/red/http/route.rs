//! The labels of an HTTP request or gRPC call: its kind, route, method and
//! peer.

use http::{Method, Request, Uri};

use crate::{
    content::Grpc,
    red::{Kind, Labels, LabelsRef, RegistrySettings, Side},
};

/// Finds the route of a request.
///
/// Closures `Fn(&Request<B>) -> Option<&str>` implement it, and so does `()`,
/// which reads a [`Template`] or what axum has matched.
pub trait Route<B> {
    /// Returns the template of the route, or `None` if no route matches. It
    /// becomes a label, so there must be few different ones.
    fn route<'a>(&self, req: &'a Request<B>) -> Option<&'a str>;
}

/// Returns a [`Template`] among the extensions, or else the path that axum has
/// matched. For a nested service, axum only tells where it is nested.
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

/// The template of a request's route. Put it among the request's extensions
/// where nothing else knows the route, as for requests that are sent.
///
/// ```
/// use http::Request;
/// use sluicegate::red::Template;
///
/// let mut request = Request::get("http://users.example/users/7").body(()).unwrap();
/// request.extensions_mut().insert(Template("/users/{id}"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template(pub &'static str);

/// Returns the path that axum has matched, or where a service is nested.
#[cfg(feature = "axum")]
#[inline]
fn matched<B>(req: &Request<B>) -> Option<&str> {
    use axum::extract::{MatchedPath, NestedPath};

    let matched = req.extensions().get().map(MatchedPath::as_str);
    matched.or_else(|| req.extensions().get().map(NestedPath::as_str))
}

#[cfg(not(feature = "axum"))]
fn matched<B>(_req: &Request<B>) -> Option<&str> {
    None
}

/// Returns whether a router of axum already has the request. The router notes
/// the original URI in it.
#[cfg(feature = "axum")]
pub(crate) fn is_in_router<B>(req: &Request<B>) -> bool {
    let original: Option<&axum::extract::OriginalUri> = req.extensions().get();
    original.is_some()
}

#[cfg(not(feature = "axum"))]
pub(crate) fn is_in_router<B>(_req: &Request<B>) -> bool {
    false
}

/// The labels and the protocol by which a request is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountedAs<'a> {
    /// The labels, borrowed from the request and the settings.
    pub(crate) labels: LabelsRef<'a>,
    /// Whether either side of the call streams.
    pub(crate) streams: bool,
    /// The form of gRPC that the request uses.
    pub(crate) grpc: Option<Grpc>,
}

impl CountedAs<'_> {
    /// Returns whether a route that is reported later may change the labels. As
    /// long as no route is known, a caller that claims to use gRPC may be on an
    /// HTTP route.
    pub(crate) fn may_move(&self) -> bool {
        let LabelsRef { kind, route, .. } = self.labels;
        match kind {
            Kind::HttpServer => route == Labels::UNMATCHED,
            Kind::GrpcServer => route == Labels::OTHER,
            _ => false,
        }
    }
}

impl Side {
    /// Returns what a request is counted as.
    ///
    /// The route decides between HTTP and gRPC. The content type is the
    /// caller's claim, and counts only if no HTTP route has matched.
    #[inline]
    pub(crate) fn counted_as<'a, B>(
        self,
        req: &'a Request<B>,
        route: Option<&'a str>,
        settings: &'a RegistrySettings,
    ) -> CountedAs<'a> {
        let grpc = Grpc::spoken_in(req.headers());
        // gRPC uses POST only: a GET of the same path is another request.
        let is_post = *req.method() == Method::POST;
        let known = is_post.then(|| settings.methods.streams(name(req.uri())));
        let known = known.flatten();
        let is_call = known.is_some() || (grpc.is_some() && self.may_be_call(req.uri(), route));
        let labels = match is_call {
            true => self.call(req.uri(), known.is_some()),
            false => self.http(req, route, settings),
        };
        let streams = known.unwrap_or(false);
        CountedAs {
            labels,
            streams,
            grpc,
        }
    }

    /// Returns whether a request that claims to be gRPC may be a gRPC call. For
    /// sent requests the claim is the program's own.
    fn may_be_call(self, uri: &Uri, route: Option<&str>) -> bool {
        match (route, self) {
            (Some(route), Self::Server) => is_service(route),
            (Some(_), Self::Client) => false,
            (None, _) => name(uri).contains('/'),
        }
    }

    /// Returns the labels of an HTTP request.
    #[inline]
    fn http<'a, B>(
        self,
        req: &'a Request<B>,
        route: Option<&'a str>,
        settings: &'a RegistrySettings,
    ) -> LabelsRef<'a> {
        let (kind, unmatched, peer) = match self {
            Self::Server => (Kind::HttpServer, Labels::UNMATCHED, ""),
            // A request that is sent has no router that could fail to match.
            Self::Client => (Kind::HttpClient, "", peer(req.uri())),
        };
        LabelsRef {
            kind,
            method: settings.http_methods.label(req.method()),
            route: route.unwrap_or(unmatched),
            peer,
        }
    }

    /// Returns the labels of a gRPC call. A client may send any path, so
    /// received calls of unknown methods share a label. For calls that are made
    /// the method is the program's own.
    fn call(self, uri: &Uri, is_known: bool) -> LabelsRef<'_> {
        let (kind, peer) = match self {
            Self::Server => (Kind::GrpcServer, ""),
            Self::Client => (Kind::GrpcClient, peer(uri)),
        };
        let has_name = is_known || self == Self::Client;
        LabelsRef {
            kind,
            method: "",
            route: if has_name { name(uri) } else { Labels::OTHER },
            peer,
        }
    }
}

/// Returns whether a route is that of a tonic service,
/// `/package.Service/{*rest}`: a name with a dot, and any method.
pub(crate) fn is_service(route: &str) -> bool {
    let service = route.strip_suffix("/{*rest}").unwrap_or_default();
    let service = service.rsplit('/').next().unwrap_or_default();
    service.contains('.') && !service.contains(['{', '}'])
}

/// Returns the path without its slash: `package.Service/Method` for gRPC.
fn name(uri: &Uri) -> &str {
    let path = uri.path();
    path.strip_prefix('/').unwrap_or(path)
}

/// Returns the host and port of a URI. User name, password and an empty port
/// are left out, so that each peer has one label set.
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
    use crate::red::{Methods, Registry};

    fn counted_as(side: Side, req: &Request<()>) -> (Kind, String, String) {
        let methods = Methods::new().unary("pkg.Service/Get");
        let metrics = Registry::builder().methods(methods).build();
        let route = Route::route(&(), req);
        let LabelsRef {
            kind, route, peer, ..
        } = side.counted_as(req, route, metrics.settings()).labels;
        (kind, route.to_owned(), peer.to_owned())
    }

    fn expected(kind: Kind, route: &str, peer: &str) -> (Kind, String, String) {
        (kind, route.to_owned(), peer.to_owned())
    }

    #[test]
    fn a_path_is_never_a_label() {
        let req = Request::get("/wp-login.php").body(()).unwrap();
        let unmatched = expected(Kind::HttpServer, Labels::UNMATCHED, "");
        assert_eq!(counted_as(Side::Server, &req), unmatched);
        let mut grpc = Request::post("/pkg.Service/Drop").body(()).unwrap();
        let content_type = http::HeaderValue::from_static("application/grpc+proto");
        grpc.headers_mut().insert("content-type", content_type);
        let other = expected(Kind::GrpcServer, Labels::OTHER, "");
        assert_eq!(counted_as(Side::Server, &grpc), other);
        *grpc.uri_mut() = Uri::from_static("/pkg.Service/Get");
        assert_eq!(counted_as(Side::Server, &grpc).1, "pkg.Service/Get");
    }

    #[test]
    fn the_host_is_recorded_without_a_password() {
        let uri = "http://ann:secret@api.example:8080/users/7";
        let req = Request::get(uri).body(()).unwrap();
        let peer = "api.example:8080";
        assert_eq!(
            counted_as(Side::Client, &req),
            expected(Kind::HttpClient, "", peer)
        );
    }

    #[test]
    fn an_empty_port_is_none() {
        for uri in ["http://[::1]/", "http://[::1]:/", "http://ann@[::1]:"] {
            let req = Request::get(uri).body(()).unwrap();
            assert_eq!(counted_as(Side::Client, &req).2, "[::1]", "{uri}");
        }
    }

    #[test]
    fn a_template_says_which_route() {
        let mut req = Request::get("/users/7").body(()).unwrap();
        req.extensions_mut().insert(Template("/users/{id}"));
        assert_eq!(counted_as(Side::Client, &req).1, "/users/{id}");
    }
}
