//! The headers that carry timeouts, and the forms of their values. Both layers
//! use them.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::{MalformedTimeout, decimal, grpc};

/// The header of gRPC.
pub(in crate::deadline) const GRPC: HeaderName = HeaderName::from_static("grpc-timeout");
/// The header for callees that do not speak gRPC, unless another is set.
pub(in crate::deadline) const REQUEST: HeaderName = HeaderName::from_static("x-request-timeout");
/// The header that Envoy sends to its upstreams, and obeys.
const ENVOY: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");

/// The form of a timeout in a header.
///
/// | form | value | headers that are read by default |
/// |---|---|---|
/// | `Grpc` | 1 to 8 digits and a unit of `H M S m u n`, as [gRPC](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md) has it | `grpc-timeout` |
/// | `Millis` | 1 to 18 digits, in milliseconds, as Envoy writes them | `x-envoy-expected-rq-timeout-ms` |
/// | `Text` | a decimal number and a unit of `h m s ms us ns`; seconds without a unit | `x-request-timeout`, `request-timeout` |
///
/// ```
/// use std::time::Duration;
/// use sluicegate::deadline::Form;
///
/// assert_eq!(Form::Grpc.read(b"250m"), Some(Duration::from_millis(250)));
/// assert_eq!(Form::Text.read(b"1.5s"), Some(Duration::from_millis(1_500)));
/// assert_eq!(Form::Millis.read(b"soon"), None);
///
/// let left = Duration::from_micros(2_999);
/// assert_eq!(Form::Grpc.write(left).unwrap(), "2999000n");
/// assert_eq!(Form::Text.write(left).unwrap(), "2ms");
/// assert_eq!(Form::Millis.write(Duration::from_micros(999)), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// As in `grpc-timeout`: `250m`.
    Grpc,
    /// As people write: `250ms`, `1.5s`, `2`.
    Text,
    /// In milliseconds, as Envoy writes: `250`.
    Millis,
}

impl Form {
    /// Reads a timeout. Zero is a timeout that has passed.
    ///
    /// Returns `None` when the value is not exactly what the form allows: a
    /// sign, a space, an exponent, another unit, too many digits, or none.
    pub fn read(self, value: &[u8]) -> Option<Duration> {
        self.parse(value).ok()
    }

    /// Reads the same; the error says what is allowed.
    #[inline]
    pub(in crate::deadline) fn parse(self, value: &[u8]) -> Result<Duration, MalformedTimeout> {
        match self {
            Self::Grpc => grpc::read(value),
            Self::Text => decimal::read(value),
            Self::Millis => decimal::read_millis(value),
        }
    }

    /// Writes the longest timeout that promises no more than is left; `None` if
    /// that is nothing.
    ///
    /// `Grpc` is in the finest unit that needs at most eight digits, so that
    /// less than one part in 100,000 is lost. The others are in whole
    /// milliseconds.
    pub fn write(self, left: Duration) -> Option<HeaderValue> {
        match self {
            Self::Grpc => grpc::write(left),
            Self::Text => decimal::write(left),
            Self::Millis => decimal::write_millis(left),
        }
    }
}

/// Returns the headers that are read unless others are set.
pub(in crate::deadline) fn default_headers() -> Vec<(HeaderName, Form)> {
    vec![
        (GRPC, Form::Grpc),
        (REQUEST, Form::Text),
        (HeaderName::from_static("request-timeout"), Form::Text),
        (ENVOY, Form::Millis),
    ]
}
