//! The outcome of a status or of a refusal, unless a user decides otherwise.
//! The HTTP layer and the layer for other calls both use it.

use std::{any::Any, error::Error};

use crate::{
    red::{Cause, Kind, Outcome, Status, status::grpc},
    refusal::{BoxError, Reason, Refusal},
};

/// Returns the outcome of a response with this status.
///
/// OpenTelemetry's semantic conventions say which gRPC statuses are failures of
/// the server (<https://opentelemetry.io/docs/specs/semconv/rpc/grpc/>).
pub(crate) fn by_status(kind: Kind, status: Status) -> Outcome {
    match status {
        Status::Http(500..) => Outcome::ServerError,
        // Proxies note 499 when the client has gone.
        Status::Http(499) => Outcome::Cancelled,
        Status::Http(400..) => Outcome::ClientError,
        // A gRPC response always has a gRPC status; without one it broke off.
        Status::Http(_) if kind.is_grpc() => Outcome::ServerError,
        Status::Http(_) | Status::Grpc(grpc::OK) => Outcome::Ok,
        Status::Grpc(grpc::CANCELLED) => Outcome::Cancelled,
        Status::Grpc(grpc::DEADLINE_EXCEEDED) => Outcome::Deadline,
        Status::Grpc(
            grpc::UNKNOWN
            | grpc::UNIMPLEMENTED
            | grpc::INTERNAL
            | grpc::UNAVAILABLE
            | grpc::DATA_LOSS
            | grpc::OTHER..,
        ) => Outcome::ServerError,
        Status::Grpc(_) => Outcome::ClientError,
    }
}

/// Returns the outcome of a refusal of this crate, whatever status it was
/// answered with.
pub(crate) fn by_refusal(refusal: &Refusal) -> (Outcome, Cause) {
    match refusal.is_callers_deadline() {
        true => CALLERS_DEADLINE,
        // Its own requests in flight are the caller's choice, unlike its rate.
        false if refusal.is_of_own_limit() => (Outcome::ClientError, Cause::OverLimit),
        false => by_reason(refusal.reason()),
    }
}

/// The outcome of a request that a deadline of its caller ended.
pub(crate) const CALLERS_DEADLINE: (Outcome, Cause) = (Outcome::Deadline, Cause::CallerTimeout);

/// Returns the outcome of each reason. All of them are listed, so that a new
/// reason does not compile until its outcome is decided.
fn by_reason(reason: Reason) -> (Outcome, Cause) {
    match reason {
        Reason::OverLimit => (Outcome::Shed, Cause::OverLimit),
        Reason::Unavailable | Reason::StoreUnavailable | Reason::Overloaded | Reason::Draining => {
            (Outcome::Shed, Cause::Unavailable)
        }
        Reason::Aborted => (Outcome::ServerError, Cause::Unavailable),
        Reason::DeadlineExceeded => (Outcome::Deadline, Cause::Timeout),
        Reason::NoPeer => (Outcome::ServerError, Cause::Status),
        Reason::NoKey
        | Reason::BadDeadline
        | Reason::NoIdempotencyKey
        | Reason::BadIdempotencyKey
        | Reason::NoPrincipal
        | Reason::ReusedIdempotencyKey
        | Reason::StillRunning
        | Reason::UnknownOutcome
        | Reason::NotRetained
        | Reason::BodyTooLarge
        | Reason::BadBody => (Outcome::ClientError, Cause::Status),
    }
}

/// Returns the refusal that an error of any type is, or comes from.
pub(crate) fn refusal_in<E: 'static>(error: &E) -> Option<&Refusal> {
    let error: &dyn Any = error;
    if let Some(refusal) = error.downcast_ref() {
        return Some(refusal);
    }
    let boxed: &BoxError = error.downcast_ref()?;
    refusal_among(&**boxed)
}

/// Returns the refusal among an error and its sources.
pub(crate) fn refusal_among<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Refusal> {
    match error.downcast_ref() {
        Some(refusal) => Some(refusal),
        None => refusal_among(error.source()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_of_http() {
        let by = |status| by_status(Kind::HttpServer, Status::Http(status));
        assert_eq!([101, 200, 304].map(by), [Outcome::Ok; 3]);
        assert_eq!([400, 404, 429].map(by), [Outcome::ClientError; 3]);
        assert_eq!([500, 503, 599].map(by), [Outcome::ServerError; 3]);
        assert_eq!(by(499), Outcome::Cancelled);
    }

    #[test]
    fn statuses_of_grpc() {
        let by = |status| by_status(Kind::GrpcServer, Status::Grpc(status));
        assert_eq!(by(0), Outcome::Ok);
        assert_eq!([2, 12, 13, 14, 15, 17].map(by), [Outcome::ServerError; 6]);
        assert_eq!([3, 5, 7, 8, 16].map(by), [Outcome::ClientError; 5]);
        assert_eq!([1, 4].map(by), [Outcome::Cancelled, Outcome::Deadline]);
    }

    #[test]
    fn a_refusal_is_found_among_the_sources() {
        #[derive(Debug)]
        struct Outer(Refusal);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("outer")
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let error: BoxError = Box::new(Outer(Refusal::deadline_exceeded()));
        let reason = refusal_in(&error).map(Refusal::reason);
        assert_eq!(reason, Some(Reason::DeadlineExceeded));
        assert!(refusal_in(&"no refusal").is_none());
    }
}
