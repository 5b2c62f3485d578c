//! Labels and completion keys as attributes, named by OpenTelemetry's semantic
//! conventions. Metrics of all exporters have these.

use std::{borrow::Cow, fmt};

use super::conventions::Conventions;
use crate::red::{CompletionKey, Kind, Labels, RegistrySettings, Status};

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AttributeValue<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A number: a port, or a status of HTTP.
    Number(u16),
}

impl fmt::Display for AttributeValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// The names and values of attributes. An unknown attribute is left out.
pub(crate) type Attributes<'a> = Vec<(&'static str, AttributeValue<'a>)>;

/// Returns a text as the value of an attribute.
fn text<'a>(text: impl Into<Cow<'a, str>>) -> AttributeValue<'a> {
    AttributeValue::Text(text.into())
}

/// Returns the attributes of all requests with these labels.
pub(crate) fn of_series<'a>(labels: &'a Labels, settings: &'a RegistrySettings) -> Attributes<'a> {
    let mut attributes = match labels.kind {
        Kind::HttpServer => vec![
            ("http.request.method", text(labels.method())),
            // Also for what is not a template, such as `_unmatched`: without
            // this label such requests would be missing wherever a query sums
            // by route.
            ("http.route", text(labels.route())),
            ("url.scheme", text(&*settings.scheme)),
        ],
        Kind::HttpClient => vec![
            ("http.request.method", text(labels.method())),
            ("url.template", text(labels.route())),
        ],
        Kind::GrpcServer | Kind::GrpcClient => vec![
            ("rpc.system.name", text("grpc")),
            ("rpc.method", text(labels.route())),
        ],
        Kind::Call => vec![("call", text(labels.route()))],
    };
    attributes.extend(of_peer(labels.peer()));
    attributes.retain(|(_, value)| *value != text(""));
    attributes
}

/// Splits `host:port`. The host may be an IPv6 address in brackets.
fn of_peer(peer: &str) -> impl Iterator<Item = (&'static str, AttributeValue<'_>)> {
    let parts = peer
        .rsplit_once(':')
        .filter(|(_, port)| !port.ends_with(']'));
    let (host, port) = parts.unwrap_or((peer, ""));
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    let address = ("server.address", text(host));
    let port = port
        .parse()
        .ok()
        .map(|port| ("server.port", AttributeValue::Number(port)));
    [address].into_iter().chain(port)
}

/// Returns the attributes of requests that ended with this key.
pub(crate) fn of_completion<'a>(
    kind: Kind,
    key: CompletionKey,
    conventions: Conventions,
) -> impl Iterator<Item = (&'static str, AttributeValue<'a>)> {
    let status = Status::numbered(key.status).map(|status| match status {
        Status::Http(code) => ("http.response.status_code", AttributeValue::Number(code)),
        Status::Grpc(_) => (conventions.rpc_status_code(), text(status.to_string())),
    });
    let error = key
        .error_type(kind)
        .map(|error| ("error.type", text(error)));
    let outcome = ("outcome", text(key.outcome.as_str()));
    status.into_iter().chain(error).chain([outcome])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(peer: &str) -> Vec<String> {
        of_peer(peer).map(|(_, value)| value.to_string()).collect()
    }

    #[test]
    fn a_peer_is_an_address_and_a_port() {
        assert_eq!(peer("api.example:8080"), ["api.example", "8080"]);
        assert_eq!(peer("api.example"), ["api.example"]);
        assert_eq!(peer("[::1]:443"), ["::1", "443"]);
        assert_eq!(peer("[2001:db8::7]"), ["2001:db8::7"]);
        assert_eq!(peer("10.0.0.7:80"), ["10.0.0.7", "80"]);
    }
}
