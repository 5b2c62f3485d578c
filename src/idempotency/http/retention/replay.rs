//! The kept part of a response's head, and the replay of a response.
//!
//! Headers are kept by a list of names, not by a list of exceptions: a header
//! that this crate does not know may be for one client only, and a replay goes
//! to whichever client repeats the request.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::LOCATION};

use crate::{
    idempotency::{
        http::body::{BufferedBody, ResponseBody},
        record::{Body, Reply},
    },
    refusal::Refusal,
};

/// The headers that describe the response itself, and are always kept.
const USUAL: [&str; 15] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-location",
    "content-type",
    "etag",
    "grpc-encoding",
    "grpc-message",
    "grpc-status",
    "grpc-status-details-bin",
    "last-modified",
    "link",
    "location",
    "vary",
];

/// The headers that belong to one moment, connection or client, so that no
/// other client may get them.
const NEVER_KEPT: [&str; 21] = [
    "age",
    "alt-svc",
    "b3",
    "baggage",
    "connection",
    "content-length",
    "date",
    "grpc-retry-pushback-ms",
    "grpc-trace-bin",
    "keep-alive",
    "retry-after",
    "server-timing",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
    "x-request-id",
];

/// The beginnings of more such headers.
const NEVER_KEPT_PREFIXES: [&str; 5] = [
    "access-control-",
    "proxy-",
    "ratelimit",
    "x-b3-",
    "x-ratelimit",
];

/// Which headers are kept, and how a replayed response is marked.
#[derive(Clone, Debug)]
pub(crate) struct ReplayPolicy {
    /// The header that says `true` in a replayed response.
    pub(crate) replayed_header: HeaderName,
    /// Headers that are kept in addition to the [`USUAL`] ones.
    pub(crate) extra_headers: Vec<HeaderName>,
}

impl ReplayPolicy {
    /// Keeps the usual headers, and marks with `idempotency-replayed`.
    pub(crate) fn new() -> Self {
        Self {
            replayed_header: HeaderName::from_static("idempotency-replayed"),
            extra_headers: Vec::new(),
        }
    }

    /// Returns the part of a head that is kept.
    pub(crate) fn reply(&self, status: StatusCode, headers: &HeaderMap) -> Reply {
        let is_kept = |name: &HeaderName| is_usual(name) || self.extra_headers.contains(name);
        let mut reply = Reply::new(status);
        reply.headers = filtered(headers, is_kept);
        reply
    }

    /// Returns the response to a retry; `None` if its body was not kept, or if
    /// the client cannot read its encoding.
    pub(crate) fn response<B>(
        &self,
        reply: &Reply,
        request: &HeaderMap,
    ) -> Option<Response<ResponseBody<B>>> {
        let is_readable = accepts(request, reply.headers.get("grpc-encoding"));
        let (Body::Kept(bytes), true) = (&reply.body, is_readable) else {
            return None;
        };
        let body = BufferedBody::new(bytes.clone(), reply.trailers.clone());
        let mut response = Response::new(ResponseBody::buffered(body));
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers.clone();
        let replayed = HeaderValue::from_static("true");
        response
            .headers_mut()
            .insert(self.replayed_header.clone(), replayed);
        Some(response)
    }
}

/// Returns the refusal of a retry whose response was not kept. It has the
/// status and the location of that response.
pub(crate) fn not_retained(reply: &Reply) -> Refusal {
    Refusal::not_retained(reply.status, reply.headers.get(LOCATION))
}

/// Returns the trailers that are kept: all that are not for one client only.
pub(super) fn kept_trailers(trailers: &HeaderMap) -> HeaderMap {
    filtered(trailers, |name| !is_never_kept(name))
}

/// Returns the headers that are kept, with all of their values in order.
fn filtered(headers: &HeaderMap, is_kept: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| is_kept(name));
    let mut filtered = HeaderMap::new();
    for (name, value) in kept {
        filtered.append(name, value.clone());
    }
    filtered
}

/// Returns whether a gRPC client can read messages in this encoding. Every
/// client reads `identity`.
fn accepts(request: &HeaderMap, encoding: Option<&HeaderValue>) -> bool {
    let encoding = encoding.map_or(&b"identity"[..], HeaderValue::as_bytes);
    let accepted = request.get_all("grpc-accept-encoding");
    let mut accepted = accepted
        .iter()
        .flat_map(|line| line.as_bytes().split(|it| *it == b','));
    encoding == b"identity" || accepted.any(|it| it.trim_ascii() == encoding)
}

/// Returns whether a header is always kept.
fn is_usual(name: &HeaderName) -> bool {
    USUAL.contains(&name.as_str())
}

/// Returns whether a header is never kept, even if it is set to be.
pub(crate) fn is_never_kept(name: &HeaderName) -> bool {
    let name = name.as_str();
    NEVER_KEPT.contains(&name) || NEVER_KEPT_PREFIXES.iter().any(|it| name.starts_with(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message was compressed for the first client.
    #[test]
    fn a_grpc_client_is_not_given_an_encoding_that_it_cannot_read() {
        let mut reply = Reply::new(StatusCode::OK);
        let gzip = HeaderValue::from_static("gzip");
        reply.headers.insert("grpc-encoding", gzip);
        for (accepted, is_given) in [
            ("identity, gzip", true),
            ("identity,zstd", false),
            ("", false),
        ] {
            let mut request = HeaderMap::new();
            request.insert("grpc-accept-encoding", HeaderValue::from_static(accepted));
            let response = ReplayPolicy::new().response::<()>(&reply, &request);
            assert_eq!(response.is_some(), is_given, "{accepted}");
        }
        reply.headers.clear();
        let response = ReplayPolicy::new().response::<()>(&reply, &HeaderMap::new());
        assert!(response.is_some());
    }
}
