//! A refusal as a gRPC status: the header fields of a trailers-only response
//! (gRPC over HTTP/2, "Responses"), or the trailers of a response that has
//! begun.

use std::{fmt::Write, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use prost::Message;

use super::{content_type::is_grpc, reason::Reason, refusal::Refusal};
use crate::google_rpc::{Any, Delay, RETRY_INFO, RetryInfo, Status};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
/// The milliseconds until a retry (gRPC proposal A6).
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
/// The pushback that forbids a retry.
const NEVER: HeaderValue = HeaderValue::from_static("-1");
/// The pushback that asks for a retry without delay.
const AT_ONCE: HeaderValue = HeaderValue::from_static("0");

/// Returns the content type of a gRPC request, which is also that of its
/// response; `None` for other requests.
pub(super) fn content_type(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(CONTENT_TYPE).filter(|value| is_grpc(value))
}

/// Writes status, message and details, and when to retry.
pub(super) fn write(refusal: &Refusal, headers: &mut HeaderMap) {
    let (code, text) = (refusal.reason().grpc_code(), refusal.to_string());
    headers.insert(STATUS, code.into());
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(&text)) {
        headers.insert(MESSAGE, message);
    }
    if refusal.is_for_good() {
        headers.insert(PUSHBACK, NEVER);
    }
    if refusal.reason() == Reason::Draining {
        headers.insert(PUSHBACK, AT_ONCE);
    }
    // Without a time there is nothing to detail, and clients decide themselves.
    let Some(retry) = refusal.retry_after() else {
        return;
    };
    headers.insert(PUSHBACK, milliseconds_up(retry).into());
    let details = STANDARD_NO_PAD.encode(status(code, text, retry).encode_to_vec());
    if let Ok(details) = HeaderValue::try_from(details) {
        headers.insert(DETAILS, details);
    }
}

/// Returns a pushback in milliseconds, rounded up. It is a signed 32-bit number
/// on the wire, and a negative one would forbid a retry.
fn milliseconds_up(retry: Duration) -> i32 {
    i32::try_from(retry.as_micros().div_ceil(1_000)).unwrap_or(i32::MAX)
}

/// Writes `%` and bytes outside of `' '..='~'` as `%XX`.
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

/// Returns the status with its details, for `grpc-status-details-bin`.
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
        type_url: RETRY_INFO.into(),
        value,
    };
    Status {
        code,
        message,
        details: vec![retry_info],
    }
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
