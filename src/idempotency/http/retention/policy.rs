//! Decides which responses are kept. The table of the module docs, section
//! "What is kept", says why.

use http::{HeaderMap, Response, StatusCode};

use crate::{
    content::{Grpc, is_event_stream},
    idempotency::claim::Takeover,
    refusal::Refusal,
};

const GRPC_STATUS: &str = "grpc-status";

/// A handler's own decision about one response, which overrides its status and
/// [`Takeover`]. The handler puts it into the response's extensions.
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
    /// The work is done, and every retry gets this response.
    Store,
    /// The work was not done, and a retry begins it again.
    Release,
    /// The work is done, but the response is for this client only: a retry is
    /// told that it was not kept.
    WithoutBody,
}

/// The fate of a response and its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retention {
    /// Its head and body are kept.
    Store,
    /// Nothing is kept, and the lease is given back.
    Release,
    /// Its head is kept.
    WithoutBody,
    /// Whether the work was done is unknown, so the lease lapses.
    Lapse,
    /// The status in the trailers decides: those of gRPC, or those at the end
    /// of a gRPC-Web body.
    ByTrailers,
}

/// The settings that decide about responses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RetentionPolicy {
    /// Whether 401 and 403 are kept, and 7 and 16 of gRPC.
    pub(crate) keep_denials: bool,
    /// Whether work is repeated after 500 and above, and after 13 of gRPC.
    pub(crate) retry_server_errors: bool,
    /// Decides about statuses that do not say whether the work was done.
    pub(crate) takeover: Takeover,
}

impl RetentionPolicy {
    /// Decides about a response by its head. A [`Refusal`] among its extensions
    /// releases the lease if it [came before the
    /// work](crate::idempotency#before-the-work).
    pub(crate) fn decide<B>(
        self,
        response: &Response<B>,
        is_before_work: impl FnOnce(&Refusal) -> bool,
    ) -> Retention {
        let extensions = response.extensions();
        match extensions.get() {
            Some(StoreDecision::Release) => Retention::Release,
            Some(StoreDecision::WithoutBody) => Retention::WithoutBody,
            Some(StoreDecision::Store) => without_endless_body(Retention::Store, response),
            None if extensions.get().is_some_and(is_before_work) => Retention::Release,
            // The refusal of a downstream that the handler passed on, or of a
            // deadline during the work.
            None if extensions.get::<Refusal>().is_some() => Retention::Lapse,
            None if Grpc::spoken_in(response.headers()).is_some() => {
                self.by_grpc_head(response.headers())
            }
            None => without_endless_body(self.by_status(response.status()), response),
        }
    }

    /// Decides by the trailers of a call, of HTTP or gRPC-Web, or by its head
    /// if they have no status.
    pub(crate) fn at_end(self, trailers: &HeaderMap, head: &HeaderMap) -> Retention {
        let decided = [trailers, head].map(|headers| self.by_grpc_status(headers));
        let mut decided = decided
            .into_iter()
            .filter(|it| *it != Retention::ByTrailers);
        // A call that ends without a status has failed somewhere on the way.
        decided.next().unwrap_or(Retention::Lapse)
    }

    /// A head with status 0 does not decide, because the trailers may have
    /// another.
    fn by_grpc_head(self, head: &HeaderMap) -> Retention {
        match head.get(GRPC_STATUS) {
            Some(status) if status == "0" => Retention::ByTrailers,
            _ => self.by_grpc_status(head),
        }
    }

    fn by_status(self, status: StatusCode) -> Retention {
        match status.as_u16() {
            401 | 403 => store_if(self.keep_denials),
            409 | 425 | 429 => Retention::Release,
            408 | 503 => self.in_doubt(),
            502 | 504 => Retention::Lapse,
            // The other server errors, such as 500, are the handler's own
            // decision.
            500.. => store_if(!self.retry_server_errors),
            _ => Retention::Store,
        }
    }

    /// Decides about a status that means "not done", and that timeouts, proxies
    /// and clients also use if they do not know.
    fn in_doubt(self) -> Retention {
        match self.takeover {
            Takeover::Rerun => Retention::Release,
            Takeover::Refuse => Retention::Lapse,
        }
    }

    /// Decides by a code of <https://grpc.io/docs/guides/status-codes/>.
    fn by_grpc_status(self, headers: &HeaderMap) -> Retention {
        let Some(status) = headers.get(GRPC_STATUS) else {
            return Retention::ByTrailers;
        };
        match status.as_bytes() {
            b"0" | b"3" | b"5" | b"6" | b"9" | b"11" | b"12" => Retention::Store,
            b"13" => store_if(!self.retry_server_errors),
            b"7" | b"16" => store_if(self.keep_denials),
            b"8" | b"10" => Retention::Release,
            b"14" => self.in_doubt(),
            _ => Retention::Lapse,
        }
    }
}

fn store_if(is_kept: bool) -> Retention {
    match is_kept {
        true => Retention::Store,
        false => Retention::Release,
    }
}

/// Keeps only the head of a stream of events or an upgrade, because its body
/// may never end.
fn without_endless_body<B>(retention: Retention, response: &Response<B>) -> Retention {
    let is_endless =
        response.status() == StatusCode::SWITCHING_PROTOCOLS || is_event_stream(response.headers());
    match retention {
        Retention::Store if is_endless => Retention::WithoutBody,
        retention => retention,
    }
}

#[cfg(test)]
#[path = "tests/policy.rs"]
mod tests;
