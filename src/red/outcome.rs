//! What came of a request.

/// What came of a request: exactly one of these, whatever happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Outcome {
    /// It was answered, and the answer was passed on whole.
    Ok,
    /// It was answered, and whoever asked has made a mistake: 4xx.
    ClientError,
    /// It failed: 5xx, a gRPC status that says so, an error of the service or in
    /// a body, an answer that broke off.
    ServerError,
    /// Nobody waited for its end: it was dropped before there was a response, or
    /// the response's body was, unless its head said already that it is an error.
    Cancelled,
    /// A limit refused it.
    Shed,
    /// Its deadline passed.
    Deadline,
    /// A panic ended it.
    Panic,
}

impl Outcome {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::ClientError,
        Self::ServerError,
        Self::Cancelled,
        Self::Shed,
        Self::Deadline,
        Self::Panic,
    ];

    /// Its name, as the label `outcome` has it.
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

    /// Whether the service is to blame: what counts as the E in RED.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::ServerError | Self::Deadline | Self::Panic)
    }

    /// The one of this name.
    #[cfg(any(feature = "redis", test))]
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

/// What ended a request, beside what its status says: what the label `error_type`
/// is made of where there is no status to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// Its status tells.
    Status,
    /// The service failed without an answer.
    Error,
    /// The body of the answer failed.
    Body,
    /// The answer ended too early: without a status if it was gRPC, or before as many
    /// bytes had come as its head says (RFC 9112, section 8).
    Truncated,
    /// It was dropped before there was a response.
    DroppedBeforeHead,
    /// It was dropped in the body of the response.
    DroppedInBody,
    /// A limit refused it.
    OverLimit,
    /// A limit could not be checked, so it was refused.
    Unavailable,
    /// Its deadline passed.
    Timeout,
    /// Its deadline passed, which its caller chose, shorter than the server's own.
    CallerTimeout,
    /// A panic.
    Panic,
}

impl Cause {
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

    /// Its name, as the label `error_type` has it; for a status that is none.
    pub(crate) fn as_str(self) -> Option<&'static str> {
        Some(match self {
            Self::Status => return None,
            // What semantic conventions say where nothing better is known.
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
