//! The text of a refusal, which is the error's message and the `detail` of the
//! problem.

use std::{error::Error, fmt, time::Duration};

use super::{reason::Reason, refusal::Refusal};
use crate::{clock::ticks, limit::Decision};

impl Refusal {
    /// Writes the text piece by piece, because `format_args` takes longer and a
    /// server under attack refuses many requests.
    pub(super) fn describe(&self, text: &mut impl fmt::Write) -> fmt::Result {
        let limiter = self.limiter().unwrap_or_default();
        let pieces = match (self.0.reason, self.retry_after()) {
            (Reason::OverLimit, Some(retry)) => {
                let (time, unit) = rounded_up(retry);
                let mut digits = itoa::Buffer::new();
                let time = ["`, retry after ", digits.format(time), unit];
                return write(text, ["over the limit `", limiter]).and(write(text, time));
            }
            (Reason::OverLimit, None) if self.forbids_retry() => {
                ["over the limit `", limiter, "`, do not retry"]
            }
            (Reason::OverLimit, None) => self.describe_never(limiter),
            (Reason::NoKey, _) => ["the request has no key to limit it by", "", ""],
            (Reason::NoPeer, _) => ["the server does not know the client's address", "", ""],
            (Reason::Unavailable, _) => ["the limit `", limiter, "` could not be checked"],
            (Reason::DeadlineExceeded, _) => ["the deadline has passed", "", ""],
            (Reason::BadDeadline, _) => ["the request has a malformed timeout", "", ""],
            (Reason::Draining, _) => ["the server shuts down, retry elsewhere", "", ""],
            (Reason::Aborted, _) => ["the server shut down before the request was done", "", ""],
            (Reason::Overloaded, None) if self.forbids_retry() => {
                ["the server is overloaded, do not retry", "", ""]
            }
            (reason, _) => return self.describe_key(reason, text),
        };
        write(text, pieces)
    }

    /// Describes a denial that no time helps: the cost is above the limit,
    /// which is 0 for a blocked tier.
    fn describe_never<'a>(&self, limiter: &'a str) -> [&'a str; 3] {
        match self.decision().map(Decision::limit) {
            Some(0) => ["the limit `", limiter, "` admits no requests"],
            _ => [
                "the request costs more than the limit `",
                limiter,
                "` ever allows at once",
            ],
        }
    }

    /// Writes the text of a refusal that is about idempotency keys.
    fn describe_key(&self, reason: Reason, text: &mut impl fmt::Write) -> fmt::Result {
        if let (Reason::BadIdempotencyKey, Some(source)) = (reason, self.error()) {
            return write!(text, "{source}");
        }
        text.write_str(match reason {
            Reason::NoIdempotencyKey => "the request needs an idempotency key",
            Reason::BadIdempotencyKey => "the idempotency key is malformed",
            Reason::NoPrincipal => "the request has no principal to scope its idempotency key",
            Reason::ReusedIdempotencyKey => {
                "the idempotency key was already used for a different request"
            }
            Reason::StillRunning => "the first request with this idempotency key is still running",
            Reason::UnknownOutcome => {
                "the outcome of the first request with this idempotency key is unknown"
            }
            Reason::NotRetained => {
                "the request was already answered, and its response was not stored"
            }
            Reason::StoreUnavailable => "the idempotency key could not be checked",
            Reason::BodyTooLarge => "the request body is too large for an idempotency key",
            Reason::BadBody => "the request body could not be read",
            Reason::Overloaded => "the server is overloaded, retry later",
            _ => "the request was refused",
        })
    }
}

/// Returns a time and its unit: milliseconds, or seconds from 10 seconds on.
fn rounded_up(time: Duration) -> (u64, &'static str) {
    const LONG: Duration = Duration::from_secs(10);
    let micros = ticks(time);
    match time < LONG {
        true => (micros.div_ceil(1_000), " ms"),
        false => (micros.div_ceil(1_000_000), " s"),
    }
}

/// Writes the pieces one after the other.
fn write<const N: usize>(text: &mut impl fmt::Write, pieces: [&str; N]) -> fmt::Result {
    pieces
        .into_iter()
        .try_for_each(|piece| text.write_str(piece))
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error().map(|source| source as _)
    }
}
