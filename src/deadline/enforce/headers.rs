//! Where requests say how long their caller waits.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::deadline::wire::{
    Malformed, read_grpc, read_millis, read_timeout, write_grpc, write_millis, write_timeout,
};

pub(crate) const GRPC: HeaderName = HeaderName::from_static("grpc-timeout");
pub(crate) const REQUEST: HeaderName = HeaderName::from_static("x-request-timeout");
pub(crate) const ENVOY: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");

/// In which form a header has a timeout; see [`wire`](crate::deadline::wire).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// As `grpc-timeout`: `250m`.
    Grpc,
    /// As people write: `250ms`, `1.5s`, `2`.
    Text,
    /// In milliseconds, as Envoy writes: `250`.
    Millis,
}

impl Form {
    pub(crate) fn read(self, value: &[u8]) -> Result<Duration, Malformed> {
        match self {
            Self::Grpc => read_grpc(value),
            Self::Text => read_timeout(value),
            Self::Millis => read_millis(value),
        }
    }

    pub(crate) fn write(self, left: Duration) -> Option<HeaderValue> {
        match self {
            Self::Grpc => write_grpc(left),
            Self::Text => write_timeout(left),
            Self::Millis => write_millis(left),
        }
    }
}

/// The headers that are read when nothing else was said.
pub(crate) fn usual() -> Vec<(HeaderName, Form)> {
    vec![
        (GRPC, Form::Grpc),
        (REQUEST, Form::Text),
        (HeaderName::from_static("request-timeout"), Form::Text),
        (ENVOY, Form::Millis),
    ]
}

/// What a request says of its timeout.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The smallest that can be read.
    pub(crate) timeout: Option<Duration>,
    /// The first that cannot.
    pub(crate) malformed: Option<Malformed>,
}

/// Reads all values of all these headers: would the last or the first count, a
/// header that somebody adds on the way could lengthen the time.
#[inline]
pub(crate) fn read(headers: &HeaderMap, forms: &[(HeaderName, Form)]) -> Said {
    let mut said = Said::default();
    if headers.is_empty() {
        return said;
    }
    for (name, form) in forms {
        for value in headers.get_all(name) {
            match form.read(value.as_bytes()) {
                Ok(timeout) => said.timeout = earlier(said.timeout, Some(timeout)),
                Err(malformed) => said.malformed = said.malformed.or(Some(malformed)),
            }
        }
    }
    said
}

/// The earlier, or the shorter, of what there is.
pub(crate) fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(fields: &[(&'static str, &str)]) -> (Option<u64>, bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let said = read(&headers, &usual());
        let millis = said.timeout.map(|it| it.as_millis() as u64);
        (millis, said.malformed.is_some())
    }

    #[test]
    fn the_smallest_that_can_be_read_counts() {
        assert_eq!(said(&[]), (None, false));
        assert_eq!(said(&[("accept", "*/*")]), (None, false));
        assert_eq!(said(&[("grpc-timeout", "1S")]), (Some(1_000), false));
        let two = [("grpc-timeout", "1S"), ("grpc-timeout", "2S")];
        assert_eq!(said(&two), (Some(1_000), false));
        let all = [
            ("grpc-timeout", "1S"),
            ("x-request-timeout", "900ms"),
            ("request-timeout", "0.8"),
            ("x-envoy-expected-rq-timeout-ms", "700"),
        ];
        assert_eq!(said(&all), (Some(700), false));
    }

    #[test]
    fn what_cannot_be_read_hides_nothing_that_can() {
        assert_eq!(said(&[("grpc-timeout", "1s")]), (None, true));
        let two = [("grpc-timeout", "soon"), ("request-timeout", "2")];
        assert_eq!(said(&two), (Some(2_000), true));
    }
}
