//! What a refusal says: the text of the error, and the detail of the problem.

use std::{error::Error, fmt, time::Duration};

use super::{decimal::Decimal, reason::Reason, refusal::Refusal};

impl Refusal {
    /// Piece by piece, for what is refused by the thousand goes without the
    /// machinery of `format_args`.
    pub(super) fn describe(&self, text: &mut impl fmt::Write) -> fmt::Result {
        let limiter = self.limiter().unwrap_or_default();
        let pieces = match (self.reason, self.retry_after()) {
            (Reason::OverLimit, Some(retry)) => {
                let (time, unit) = rounded_up(retry);
                let time = Decimal::of(time);
                let time = ["`, retry after ", time.as_str(), unit];
                return write(text, ["over the limit `", limiter]).and(write(text, time));
            }
            (Reason::OverLimit, None) if self.limit_is_zero() => {
                ["the limit `", limiter, "` lets nothing pass"]
            }
            (Reason::OverLimit, None) => [
                "costs more than the limit `",
                limiter,
                "` ever allows at once",
            ],
            (Reason::NoKey, _) => ["nothing to limit the request by", "", ""],
            (Reason::NoPeer, _) => ["the server does not know the client's address", "", ""],
            (Reason::Unavailable, _) => ["the limit `", limiter, "` could not be checked"],
            (Reason::DeadlineExceeded, _) => ["the deadline has passed", "", ""],
            (Reason::BadDeadline, _) => ["the timeout of the request is malformed", "", ""],
            (reason, _) => return self.describe_key(reason, text),
        };
        write(text, pieces)
    }

    fn limit_is_zero(&self) -> bool {
        self.decision()
            .is_some_and(|decision| decision.limit() == 0)
    }

    /// The same for what is about idempotency keys.
    fn describe_key(&self, reason: Reason, text: &mut impl fmt::Write) -> fmt::Result {
        if let (Reason::BadIdempotencyKey, Some(source)) = (reason, self.error()) {
            return write!(text, "{source}");
        }
        text.write_str(match reason {
            Reason::NoIdempotencyKey => "the request needs an idempotency key",
            Reason::BadIdempotencyKey => "the idempotency key is malformed",
            Reason::NoPrincipal => "the request does not say whose its idempotency key is",
            Reason::ReusedIdempotencyKey => "the idempotency key was used for another request",
            Reason::StillRunning => "the first request with the idempotency key is still running",
            Reason::UnknownOutcome => {
                "the outcome of the first request with the idempotency key is unknown"
            }
            Reason::NotRetained => "the request was answered before, and the answer was not kept",
            Reason::StoreUnavailable => "the idempotency key could not be checked",
            Reason::BodyTooLarge => "the request is too large to have an idempotency key",
            Reason::BadBody => "the body of the request could not be read",
            Reason::Overloaded => "too many bodies of requests are held at once",
            _ => "refused",
        })
    }
}

/// A time in milliseconds, or if it is long in seconds.
fn rounded_up(time: Duration) -> (u64, &'static str) {
    const LONG: Duration = Duration::from_secs(10);
    let (unit, name) = if time < LONG {
        (1_000, " ms")
    } else {
        (1_000_000, " s")
    };
    let time = time.as_micros().div_ceil(unit);
    (u64::try_from(time).unwrap_or(u64::MAX), name)
}

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
