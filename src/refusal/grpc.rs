//! A refusal as a gRPC status, sent as trailers-only: a response that is all
//! headers (gRPC over HTTP/2, "Responses").

use std::{fmt::Write, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use prost::Message;

use super::{content_type::is_grpc, reason::Reason, refusal::Refusal};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
/// When to try again (gRPC proposal A6).
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
/// A pushback that forbids to try again.
const NEVER: HeaderValue = HeaderValue::from_static("-1");

/// The content type to answer a gRPC request with, which is its own; `None` if
/// the request is no gRPC.
pub(super) fn content_type(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(CONTENT_TYPE).filter(|value| is_grpc(value))
}

pub(super) fn write(refusal: &Refusal, headers: &mut HeaderMap) {
    let (code, text) = (code(refusal.reason), refusal.to_string());
    headers.insert(STATUS, code.into());
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(&text)) {
        headers.insert(MESSAGE, message);
    }
    if refusal.is_for_good() {
        headers.insert(PUSHBACK, NEVER);
    }
    let Some(retry) = refusal.retry_after() else {
        return;
    };
    headers.insert(PUSHBACK, milliseconds_up(retry).into());
    let details = STANDARD_NO_PAD.encode(status(code, text, retry).encode_to_vec());
    if let Ok(details) = HeaderValue::try_from(details) {
        headers.insert(DETAILS, details);
    }
}

fn code(reason: Reason) -> i32 {
    match reason {
        Reason::NoKey | Reason::NoIdempotencyKey | Reason::BadIdempotencyKey | Reason::BadBody => 3,
        Reason::DeadlineExceeded => 4,
        Reason::NotRetained => 6,
        Reason::OverLimit | Reason::BodyTooLarge => 8,
        Reason::ReusedIdempotencyKey | Reason::UnknownOutcome => 9,
        Reason::StillRunning => 10,
        Reason::Unavailable | Reason::StoreUnavailable | Reason::Overloaded => 14,
        Reason::NoPrincipal => 16,
        Reason::BadDeadline | Reason::NoPeer => 13,
    }
}

/// Pushback is a signed 32-bit number, and below 0 it forbids to retry.
fn milliseconds_up(retry: Duration) -> i32 {
    i32::try_from(retry.as_micros().div_ceil(1_000)).unwrap_or(i32::MAX)
}

/// Bytes outside of ' '..='~', and '%', as %XX.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | ..b' ' | 0x7f.. => _ = write!(encoded, "%{byte:02X}"),
            _ => encoded.push(char::from(byte)),
        }
    }
    encoded
}

fn status(code: i32, message: String, retry: Duration) -> Status {
    let delay = Delay {
        seconds: i64::try_from(retry.as_secs()).ok(),
        nanos: i32::try_from(retry.subsec_nanos()).ok(),
    };
    let value = RetryInfo {
        retry_delay: Some(delay),
    }
    .encode_to_vec();
    let retry_info = Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".into(),
        value,
    };
    Status {
        code,
        message,
        details: vec![retry_info],
    }
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, optional, tag = "1")]
    seconds: Option<i64>,
    #[prost(int32, optional, tag = "2")]
    nanos: Option<i32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_percent_encoded() {
        assert_eq!(percent_encoded("50% \"ü\"\n"), "50%25 \"%C3%BC\"%0A");
    }

    #[test]
    fn pushback_is_rounded_up_and_never_negative() {
        assert_eq!(milliseconds_up(Duration::from_micros(1)), 1);
        assert_eq!(milliseconds_up(Duration::from_secs(1 << 40)), i32::MAX);
    }
}
