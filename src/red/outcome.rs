//! How a request ended: its outcome, and what caused it.

/// How a request ended: exactly one of these, whatever happens to it.
///
/// ```
/// use sluicegate::red::Outcome;
///
/// assert!(Outcome::Deadline.is_failure());
/// assert!(!Outcome::Shed.is_failure(), "a limit did what it is for");
/// assert_eq!(Outcome::ServerError.as_str(), "server_error");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Outcome {
    /// It was answered, and the whole response was taken.
    Ok,
    /// The service failed without a response.
    ClientError,
    /// It failed: 5xx, a gRPC status of a failure, an error of the service or
    /// in the body, or a response that broke off.
    ServerError,
    /// It was dropped before there was a response, or the response's body was,
    /// unless the head already said that it is an error.
    Cancelled,
    /// A limit refused it.
    Shed,
    /// Its deadline passed.
    Deadline,
    /// It panicked.
    Panic,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::ClientError,
        Self::ServerError,
        Self::Cancelled,
        Self::Shed,
        Self::Deadline,
        Self::Panic,
    ];

    /// Returns its name, the value of the label `outcome`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::Cancelled => "cancelled",
            Self::Shed => "shed",
            Self::Deadline => "deadline",
            Self::Panic => "panic",
        }
    }

    /// Returns whether the service is to blame: the E in RED.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::ServerError | Self::Deadline | Self::Panic)
    }

    /// Returns the outcome of this name.
    #[cfg(any(feature = "redis", test))]
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

/// The event that ended a request. The label `error_type` is made of it where
/// the status says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// The status says it.
    Status,
    /// The service failed without an answer.
    Error,
    /// The body of the response failed.
    Body,
    /// The response ended too early: a gRPC response without a status, or fewer
    /// bytes than the head announced (RFC 9112, section 8).
    Truncated,
    /// It was dropped before there was a response.
    DroppedBeforeHead,
    /// It was dropped in the body of the response.
    DroppedInBody,
    /// A limit refused it.
    OverLimit,
    /// A limit could not be checked, and its policy refused the request.
    Unavailable,
    /// Its deadline passed.
    Timeout,
    /// A deadline passed that the caller chose, shorter than the server's own.
    CallerTimeout,
    /// It panicked.
    Panic,
}

impl Cause {
    /// All causes, so that a fleet's reader can find one by its name.
    #[cfg(feature = "redis")]
    pub(crate) const ALL: [Self; 11] = [
        Self::Status,
        Self::Error,
        Self::Body,
        Self::Truncated,
        Self::DroppedBeforeHead,
        Self::DroppedInBody,
        Self::OverLimit,
        Self::Unavailable,
        Self::Timeout,
        Self::CallerTimeout,
        Self::Panic,
    ];

    /// Returns its name, the value of the label `error_type`; `None` if the
    /// status is that value.
    pub(crate) fn as_str(self) -> Option<&'static str> {
        Some(match self {
            Self::Status => return None,
            // The value that semantic conventions reserve for errors without a
            // better name.
            Self::Error => "_OTHER",
            Self::Body => "body",
            Self::Truncated => "truncated",
            Self::DroppedBeforeHead => "dropped_before_head",
            Self::DroppedInBody => "dropped_in_body",
            Self::OverLimit => "over_limit",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::CallerTimeout => "caller_timeout",
            Self::Panic => "panic",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_name_of_its_own() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::named(outcome.as_str()), Some(outcome));
        }
        assert_eq!(Outcome::named("fine"), None);
    }
}
