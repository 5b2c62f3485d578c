//! The settings of a layer, which its services and their calls share.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, Request, header::HeaderValue};

use super::{
    backoff::Backoff,
    budget::RetryBudget,
    key,
    observe::{Event, Observe},
    outcome::ReadError,
};
use crate::content::Grpc;

/// The header that counts attempts over gRPC (gRPC proposal A6).
const GRPC_ATTEMPTS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");

/// The same for other requests.
const ATTEMPTS: HeaderName = HeaderName::from_static("x-previous-attempts");

/// Whether a gRPC method is idempotent.
type IsIdempotent = Arc<dyn Fn(&str) -> bool + Send + Sync>;

#[derive(Clone)]
pub(super) struct RetrySettings {
    /// How often a call is sent again, at most.
    pub(super) max_retries: u32,
    pub(super) backoff: Backoff,
    pub(super) budget: RetryBudget,
    pub(super) max_body_bytes: usize,
    /// The longest delay that a server may ask for.
    pub(super) max_delay: Duration,
    /// Tells by its path whether a gRPC method is idempotent.
    pub(super) is_idempotent: Option<IsIdempotent>,
    pub(super) key_header: HeaderName,
    /// Whether requests get an idempotency key that need one.
    pub(super) attaches_key: bool,
    /// Reads errors of a type that the layer does not know.
    pub(super) read_error: Option<Arc<dyn ReadError>>,
    pub(super) observer: Option<Arc<dyn Observe>>,
}

impl RetrySettings {
    /// Returns whether a request may be processed twice. It gets an idempotency
    /// key first if that is wanted and needed.
    #[inline]
    pub(super) fn make_repeatable<B>(&self, req: &mut Request<B>) -> bool {
        if self.is_method_idempotent(req) {
            return true;
        }
        if self.attaches_key && !req.headers().contains_key(&self.key_header) {
            key::attach(req.headers_mut(), &self.key_header);
        }
        key::is_present(req.headers(), &self.key_header)
    }

    /// Returns whether the method allows to process the request twice (RFC
    /// 9110, section 9.2.2; for gRPC, the closure of the layer).
    fn is_method_idempotent<B>(&self, req: &Request<B>) -> bool {
        match Grpc::spoken_in(req.headers()) {
            None => req.method().is_idempotent(),
            Some(_) => {
                let path = req.uri().path();
                self.is_idempotent.as_ref().is_some_and(|is| is(path))
            }
        }
    }

    /// Tells the observer, if there is one.
    #[inline]
    pub(super) fn notice(&self, event: Event) {
        if let Some(observer) = &self.observer {
            observer.noticed(&event);
        }
    }
}

/// Tells the callee how many attempts there were before.
pub(super) fn count_attempts(headers: &mut HeaderMap, previous: u32) {
    let name = match Grpc::spoken_in(headers) {
        Some(_) => GRPC_ATTEMPTS,
        None => ATTEMPTS,
    };
    headers.insert(name, HeaderValue::from(previous));
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            max_retries: 2,
            backoff: Backoff::default(),
            budget: RetryBudget::new(),
            max_body_bytes: 64 * 1024,
            max_delay: Duration::from_secs(300),
            is_idempotent: None,
            key_header: key::HEADER,
            attaches_key: false,
            read_error: None,
            observer: None,
        }
    }
}

impl fmt::Debug for RetrySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetrySettings")
            .field("max_retries", &self.max_retries)
            .field("backoff", &self.backoff)
            .field("max_body_bytes", &self.max_body_bytes)
            .field("max_delay", &self.max_delay)
            .field("attaches_key", &self.attaches_key)
            .finish_non_exhaustive()
    }
}
