//! Reads the timeouts in the headers of a request. `entry` calls it, unless the
//! request is not trusted at all.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use crate::deadline::{Form, deadline::earlier, wire::MalformedTimeout};

/// The timeouts that a request asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RequestedTimeout {
    /// The smallest one that can be read.
    pub(super) timeout: Option<Duration>,
    /// The error of the first one that cannot.
    pub(super) malformed: Option<MalformedTimeout>,
}

/// Reads all values of all these headers. The smallest counts: if the first or
/// the last did, a header added on the way could extend the time.
#[inline]
pub(super) fn read(headers: &HeaderMap, forms: &[(HeaderName, Form)]) -> RequestedTimeout {
    let mut requested = RequestedTimeout::default();
    // One pass compares few names, where a look-up of each form hashes its name.
    for (name, value) in headers {
        for (_, form) in forms.iter().filter(|(wanted, _)| wanted == name) {
            match form.parse(value.as_bytes()) {
                Ok(timeout) => requested.timeout = earlier(requested.timeout, Some(timeout)),
                Err(error) => requested.malformed = requested.malformed.or(Some(error)),
            }
        }
    }
    requested
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::wire::default_headers;

    /// Returns the timeout in milliseconds, and whether a value is malformed.
    fn requested(fields: &[(&'static str, &str)]) -> (Option<u64>, bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let requested = read(&headers, &default_headers());
        let millis = requested.timeout.map(|it| it.as_millis() as u64);
        (millis, requested.malformed.is_some())
    }

    #[test]
    fn the_smallest_timeout_counts() {
        assert_eq!(requested(&[]), (None, false));
        assert_eq!(requested(&[("accept", "*/*")]), (None, false));
        assert_eq!(requested(&[("grpc-timeout", "1S")]), (Some(1_000), false));
        let two = [("grpc-timeout", "1S"), ("grpc-timeout", "2S")];
        assert_eq!(requested(&two), (Some(1_000), false));
        let all = [
            ("grpc-timeout", "1S"),
            ("x-request-timeout", "900ms"),
            ("request-timeout", "0.8"),
            ("x-envoy-expected-rq-timeout-ms", "700"),
        ];
        assert_eq!(requested(&all), (Some(700), false));
    }

    #[test]
    fn a_malformed_timeout_does_not_hide_a_readable_one() {
        assert_eq!(requested(&[("grpc-timeout", "1s")]), (None, true));
        let two = [("grpc-timeout", "soon"), ("request-timeout", "2")];
        assert_eq!(requested(&two), (Some(2_000), true));
    }
}
