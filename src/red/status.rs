//! The status of a response, of HTTP or gRPC, as it becomes a label.

use http::StatusCode;

/// The status of a response.
///
/// ```
/// use sluicegate::red::Status;
///
/// assert_eq!(Status::Http(404).to_string(), "404");
/// assert_eq!(Status::Grpc(5).to_string(), "NOT_FOUND");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Status {
    /// A status of HTTP.
    Http(u16),
    /// A status of gRPC: 0 to 16, or 17 for any other number.
    Grpc(u8),
}

/// The names of gRPC's statuses
/// (<https://github.com/grpc/grpc/blob/master/doc/statuscodes.md>), and one for
/// all other numbers.
const GRPC: [&str; 18] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
    "_OTHER",
];

/// The gRPC statuses that matter here by name.
pub(crate) mod grpc {
    pub(crate) const OK: u8 = 0;
    pub(crate) const CANCELLED: u8 = 1;
    pub(crate) const UNKNOWN: u8 = 2;
    pub(crate) const DEADLINE_EXCEEDED: u8 = 4;
    pub(crate) const PERMISSION_DENIED: u8 = 7;
    pub(crate) const UNIMPLEMENTED: u8 = 12;
    pub(crate) const INTERNAL: u8 = 13;
    pub(crate) const UNAVAILABLE: u8 = 14;
    pub(crate) const DATA_LOSS: u8 = 15;
    pub(crate) const UNAUTHENTICATED: u8 = 16;
    /// Stands for all numbers without a meaning.
    pub(crate) const OTHER: u8 = 17;
}

impl Status {
    /// Reads the value of `grpc-status`. A value that cannot be read is
    /// UNKNOWN.
    pub(crate) fn read_grpc(value: &[u8]) -> Self {
        let number = str::from_utf8(value).ok();
        let digits = number.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|text| text.parse::<u32>().ok());
        Self::Grpc(match number {
            Some(number) => u8::try_from(number).map_or(grpc::OTHER, |it| it.min(grpc::OTHER)),
            None => grpc::UNKNOWN,
        })
    }

    /// Returns the gRPC status that stands for an HTTP status where the
    /// response has no gRPC status
    /// (<https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>).
    pub(crate) fn grpc_for(http: StatusCode) -> Self {
        Self::Grpc(match http.as_u16() {
            400 => grpc::INTERNAL,
            401 => grpc::UNAUTHENTICATED,
            403 => grpc::PERMISSION_DENIED,
            404 => grpc::UNIMPLEMENTED,
            429 | 502 | 503 | 504 => grpc::UNAVAILABLE,
            _ => grpc::UNKNOWN,
        })
    }

    /// Returns a number for each status, and 0 for none, so that a key stays
    /// small.
    pub(crate) fn number(status: Option<Self>) -> u16 {
        match status {
            None => 0,
            Some(Self::Http(code)) => code,
            Some(Self::Grpc(code)) => GRPC_FROM + u16::from(code),
        }
    }

    /// Returns the status of a number.
    pub(crate) fn numbered(number: u16) -> Option<Self> {
        match number {
            0 => None,
            1..GRPC_FROM => Some(Self::Http(number)),
            _ => {
                let code = u8::try_from(number - GRPC_FROM).unwrap_or(grpc::OTHER);
                Some(Self::Grpc(code.min(grpc::OTHER)))
            }
        }
    }
}

/// The number of the gRPC status 0: above all statuses of HTTP.
const GRPC_FROM: u16 = 1_000;

/// Writes an HTTP status in digits and a gRPC status by its name, as semantic
/// conventions want them.
impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http(code) => write!(f, "{code}"),
            Self::Grpc(code) => f.write_str(GRPC[usize::from((*code).min(grpc::OTHER))]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_status_that_cannot_be_read_is_unknown() {
        for value in ["", "abc", "-1", "+1", " 0", "99999999999"] {
            assert_eq!(
                Status::read_grpc(value.as_bytes()),
                Status::Grpc(2),
                "{value:?}"
            );
        }
        assert_eq!(Status::read_grpc(b"\xff"), Status::Grpc(2));
        assert_eq!(Status::read_grpc(b"0"), Status::Grpc(0));
        assert_eq!(Status::read_grpc(b"16"), Status::Grpc(16));
        assert_eq!(Status::read_grpc(b"17").to_string(), "_OTHER");
        assert_eq!(Status::read_grpc(b"4711").to_string(), "_OTHER");
    }

    #[test]
    fn every_status_has_a_number() {
        let http = [100, 200, 599, 999].map(|code| Some(Status::Http(code)));
        let grpc = [0, 4, 16, 17].map(|code| Some(Status::Grpc(code)));
        for status in http.into_iter().chain(grpc).chain([None]) {
            assert_eq!(Status::numbered(Status::number(status)), status);
        }
    }
}
