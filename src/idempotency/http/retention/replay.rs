//! What is kept of an answer's head, and how it is given again.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::LOCATION};

use crate::idempotency::{
    http::body::{buffered::BufferedBody, response_body::ResponseBody},
    record::{Body, Reply},
};
use crate::refusal::Refusal;

/// What is given again, and how it is marked.
#[derive(Clone, Debug)]
pub(crate) struct Replaying {
    pub(crate) mark: HeaderName,
    /// Headers that are kept beside the [usual](is_usual) ones.
    pub(crate) more: Vec<HeaderName>,
}

impl Replaying {
    pub(crate) fn new() -> Self {
        Self {
            mark: HeaderName::from_static("idempotency-replayed"),
            more: Vec::new(),
        }
    }

    /// What is kept of a head.
    pub(crate) fn reply(&self, status: StatusCode, headers: &HeaderMap) -> Reply {
        let is_kept = |name: &HeaderName| is_usual(name) || self.more.contains(name);
        let mut reply = Reply::new(status);
        reply.headers = filtered(headers, is_kept);
        reply
    }

    /// The answer to who asks again; nothing if it was not kept, or cannot be read
    /// by him.
    pub(crate) fn response<B>(
        &self,
        reply: &Reply,
        request: &HeaderMap,
    ) -> Option<Response<ResponseBody<B>>> {
        let is_readable = accepts(request, reply.headers.get("grpc-encoding"));
        let (Body::Kept(bytes), true) = (&reply.body, is_readable) else {
            return None;
        };
        let whole = BufferedBody::new(bytes.clone(), reply.trailers.clone());
        let mut response = Response::new(ResponseBody::whole(whole));
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers.clone();
        let mark = HeaderValue::from_static("true");
        response.headers_mut().insert(self.mark.clone(), mark);
        Some(response)
    }
}

/// What there is left to say of an answer.
pub(crate) fn not_retained(reply: &Reply) -> Refusal {
    Refusal::not_retained(reply.status, reply.headers.get(LOCATION))
}

/// All trailers are kept that may be: they are a part of the answer.
pub(crate) fn trailers(trailers: &HeaderMap) -> HeaderMap {
    filtered(trailers, |name| !is_never(name))
}

fn filtered(headers: &HeaderMap, is_kept: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| is_kept(name));
    let mut filtered = HeaderMap::new();
    for (name, value) in kept {
        filtered.append(name, value.clone());
    }
    filtered
}

/// Whether a client of gRPC can read messages that are encoded so.
fn accepts(request: &HeaderMap, encoding: Option<&HeaderValue>) -> bool {
    let encoding = encoding.map_or(&b"identity"[..], HeaderValue::as_bytes);
    let accepted = request.get_all("grpc-accept-encoding");
    let mut accepted = accepted
        .iter()
        .flat_map(|line| line.as_bytes().split(|it| *it == b','));
    encoding == b"identity" || accepted.any(|it| it.trim_ascii() == encoding)
}

/// What belongs to the answer, and not to the way that it took.
fn is_usual(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "cache-control"
            | "content-disposition"
            | "content-encoding"
            | "content-language"
            | "content-location"
            | "content-type"
            | "etag"
            | "grpc-encoding"
            | "grpc-message"
            | "grpc-status"
            | "grpc-status-details-bin"
            | "last-modified"
            | "link"
            | "location"
            | "vary"
    )
}

/// What is of its own moment, connection or client, and is not given to another.
pub(crate) fn is_never(name: &HeaderName) -> bool {
    const FAMILIES: [&str; 5] = [
        "access-control-",
        "proxy-",
        "ratelimit",
        "x-b3-",
        "x-ratelimit",
    ];
    let name = name.as_str();
    let is_alone = matches!(
        name,
        "age"
            | "alt-svc"
            | "b3"
            | "baggage"
            | "connection"
            | "content-length"
            | "date"
            | "grpc-retry-pushback-ms"
            | "grpc-trace-bin"
            | "keep-alive"
            | "retry-after"
            | "server-timing"
            | "set-cookie"
            | "te"
            | "traceparent"
            | "tracestate"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "www-authenticate"
            | "x-request-id"
    );
    is_alone || FAMILIES.iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message that was compressed for the first client.
    #[test]
    fn what_a_client_of_grpc_cannot_read_is_not_given_to_it() {
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
            let response = Replaying::new().response::<()>(&reply, &request);
            assert_eq!(response.is_some(), is_given, "{accepted}");
        }
        reply.headers.clear();
        let response = Replaying::new().response::<()>(&reply, &HeaderMap::new());
        assert!(response.is_some());
    }
}
