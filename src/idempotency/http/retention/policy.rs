//! Which answers are kept.

use http::{HeaderMap, Response, StatusCode};

use crate::idempotency::claim::Takeover;
use crate::{
    content::{Grpc, is_event_stream},
    refusal::Refusal,
};

/// What becomes of one response, whatever its status and
/// [`Takeover`]: a handler puts it into the response's extensions.
///
/// ```
/// use http::{Response, StatusCode};
/// use sluicegate::idempotency::StoreDecision;
///
/// // The bank said no before it did anything: the same key may be tried again.
/// let mut declined = Response::new(());
/// *declined.status_mut() = StatusCode::PAYMENT_REQUIRED;
/// declined.extensions_mut().insert(StoreDecision::Release);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreDecision {
    /// The work is done: whoever asks again gets this answer.
    Store,
    /// The work was not done: whoever asks again begins it anew.
    Release,
    /// The work is done, and this answer is for nobody else: whoever asks again is
    /// told that it was not kept.
    WithoutBody,
}

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Store,
    Release,
    WithoutBody,
    /// Nobody knows whether the work was done.
    Lapse,
    /// It is in the trailers, as that of gRPC, or at the end of the body, as that of
    /// gRPC-Web.
    InTrailers,
}

const GRPC_STATUS: &str = "grpc-status";

/// Which answers are kept, unless they say it themselves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keeping {
    /// Those that say who may not.
    pub(crate) denials: bool,
    /// Not even 500, nor others of a server's errors.
    pub(crate) no_server_errors: bool,
    /// What if it is not certain that the work was not done.
    pub(crate) takeover: Takeover,
}

impl Keeping {
    /// What becomes of it; and of a [`Refusal`] in it, if that [came before the
    /// work](crate::idempotency#before-the-work).
    pub(crate) fn fate<B>(
        self,
        response: &Response<B>,
        is_before_work: impl FnOnce(&Refusal) -> bool,
    ) -> Fate {
        let extensions = response.extensions();
        match extensions.get() {
            Some(StoreDecision::Release) => Fate::Release,
            Some(StoreDecision::WithoutBody) => Fate::WithoutBody,
            Some(StoreDecision::Store) => within_reason(Fate::Store, response),
            None if extensions.get().is_some_and(is_before_work) => Fate::Release,
            // A downstream's, which the handler passed on, or a deadline's.
            None if extensions.get::<Refusal>().is_some() => Fate::Lapse,
            None if speaks_grpc(response.headers()) => self.of_head(response.headers()),
            None => within_reason(self.of_status(response.status()), response),
        }
    }

    /// The fate of a call whose answer ends with these trailers, of HTTP or of
    /// gRPC-Web, and has this head.
    pub(crate) fn at_end(self, trailers: &HeaderMap, head: &HeaderMap) -> Fate {
        let said = [trailers, head].map(|headers| self.of_call(headers));
        let mut said = said.into_iter().filter(|fate| *fate != Fate::InTrailers);
        // It has ended without a status, which is none of an answer.
        said.next().unwrap_or(Fate::Lapse)
    }

    /// A head may say OK before the end says otherwise.
    fn of_head(self, head: &HeaderMap) -> Fate {
        match head.get(GRPC_STATUS) {
            Some(status) if status == "0" => Fate::InTrailers,
            _ => self.of_call(head),
        }
    }

    fn of_status(self, status: StatusCode) -> Fate {
        match status.as_u16() {
            401 | 403 => kept(self.denials),
            409 | 425 | 429 => Fate::Release,
            408 | 503 => self.in_doubt(),
            502 | 504 => Fate::Lapse,
            500.. => kept(!self.no_server_errors),
            _ => Fate::Store,
        }
    }

    /// For an answer that is meant to say that the work was not done, and that
    /// timeouts, proxies and clients also give when they do not know.
    fn in_doubt(self) -> Fate {
        match self.takeover {
            Takeover::Rerun => Fate::Release,
            Takeover::Refuse => Fate::Lapse,
        }
    }

    /// By the codes of <https://grpc.io/docs/guides/status-codes/>.
    fn of_call(self, headers: &HeaderMap) -> Fate {
        let Some(status) = headers.get(GRPC_STATUS) else {
            return Fate::InTrailers;
        };
        match status.as_bytes() {
            b"0" | b"3" | b"5" | b"6" | b"9" | b"11" | b"12" => Fate::Store,
            b"13" => kept(!self.no_server_errors),
            b"7" | b"16" => kept(self.denials),
            b"8" | b"10" => Fate::Release,
            b"14" => self.in_doubt(),
            _ => Fate::Lapse,
        }
    }
}

fn kept(is_kept: bool) -> Fate {
    match is_kept {
        true => Fate::Store,
        false => Fate::Release,
    }
}

/// What need not end is not kept for longer than its head.
fn within_reason<B>(fate: Fate, response: &Response<B>) -> Fate {
    let is_endless =
        response.status() == StatusCode::SWITCHING_PROTOCOLS || is_event_stream(response.headers());
    match fate {
        Fate::Store if is_endless => Fate::WithoutBody,
        fate => fate,
    }
}

fn speaks_grpc(headers: &HeaderMap) -> bool {
    Grpc::spoken_in(headers).is_some()
}

#[cfg(test)]
#[path = "tests/policy.rs"]
mod tests;
