//! The layer and its settings.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use http::HeaderName;
use tower_layer::Layer;

use super::{
    budget::RetryBudget,
    observe::Observe,
    outcome::{ErrorReader, Progress},
    service::Retry,
    settings::RetrySettings,
};
use crate::random_bits::RandomBits;

/// The longest backoff.
const HOUR: Duration = Duration::from_secs(3_600);

/// Sends failed calls again, where that is safe, within a budget, and when the
/// server wants them.
///
/// It wraps hyper-util's clients, tonic's channels, and any other service from
/// [`http::Request`] to [`http::Response`]. See the [module docs](super) for what
/// it does.
///
/// ```
/// use std::{convert::Infallible, sync::atomic::{AtomicU32, Ordering::Relaxed}};
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use sluicegate::client::{RetryBudget, RetryLayer};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// static CALLS: AtomicU32 = AtomicU32::new(0);
/// let server = service_fn(|_: Request<Full<Bytes>>| async {
///     let mut response = Response::new(Full::<Bytes>::default());
///     if CALLS.fetch_add(1, Relaxed) == 0 {
///         *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
///     }
///     Ok::<_, Infallible>(response)
/// });
///
/// // Without a minimum, the first ten calls of a client have no retry.
/// let budget = RetryBudget::builder().minimum(3).local();
/// let client = RetryLayer::new().budget(budget).layer(server);
/// let response = client.oneshot(Request::new(Full::default())).await.unwrap();
/// assert_eq!((response.status(), CALLS.load(Relaxed)), (StatusCode::OK, 2));
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct RetryLayer {
    /// Shared with the services.
    shared: Arc<RetrySettings>,
}

impl RetryLayer {
    /// Returns a layer with the default settings and a [budget](RetryBudget) of
    /// its own, which its clones and services share.
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
        }
    }

    /// Sets how often a call is sent again, at most. The default is 2, so there
    /// are three attempts.
    ///
    /// A call that never left the client is repeated until its deadline. Only
    /// one without a deadline counts here.
    pub fn max_retries(self, retries: u32) -> Self {
        self.with(|settings| settings.max_retries = retries)
    }

    /// Sets the backoff: before the retry `n`, counted from 0, a random time of
    /// up to `min(cap, base * 2^n)`. The default is 50 ms and 1 s.
    ///
    /// # Panics
    ///
    /// When `base` is 0, or `cap` is less than `base` or more than an hour.
    #[track_caller]
    pub fn backoff(self, base: Duration, cap: Duration) -> Self {
        assert!(
            !base.is_zero(),
            "invalid base {base:?}: must be more than 0"
        );
        assert!(
            (base..=HOUR).contains(&cap),
            "invalid cap {cap:?}: must be the base to 1 h"
        );
        self.with(|settings| (settings.backoff.base, settings.backoff.cap) = (base, cap))
    }

    /// Sets the source of the random times: a function that returns 64 random
    /// bits. The default is the operating system. For tests and replays.
    pub fn random(self, random: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.backoff.random = RandomBits::of(random))
    }

    /// Sets the budget of retries, to share it or to change it.
    pub fn budget(self, budget: RetryBudget) -> Self {
        self.with(|settings| settings.budget = budget)
    }

    /// Sets up to how many bytes of a request body are kept for further
    /// attempts. The default is 64 KiB. A call with a larger body is sent once.
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        self.with(|settings| settings.max_body_bytes = bytes)
    }

    /// Sets the longest delay that a server may ask for. The default is 300 s. If
    /// it asks for more, the call is not repeated.
    pub fn max_delay(self, delay: Duration) -> Self {
        self.with(|settings| settings.max_delay = delay)
    }

    /// Sets which gRPC methods are idempotent, by the path
    /// `/package.Service/Method`. Unless set, none is.
    ///
    /// ```
    /// use sluicegate::client::RetryLayer;
    ///
    /// let layer = RetryLayer::new().idempotent(|path| path.starts_with("/shop.Catalog/Get"));
    /// # let _ = layer;
    /// ```
    pub fn idempotent(self, is: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.is_idempotent = Some(Arc::new(is)))
    }

    /// Adds an idempotency key to each request whose method is not idempotent
    /// and that has none, so that it may be repeated. All attempts have the same
    /// key: 128 random bits, as a quoted string.
    ///
    /// Only for servers that honour the key, such as one behind the layer of
    /// `idempotency`. Others would process the call twice.
    pub fn attach_key(self) -> Self {
        self.with(|settings| settings.attaches_key = true)
    }

    /// Sets the header of idempotency keys. The default is `idempotency-key`. A
    /// request with one key, and not an empty one, may be repeated.
    pub fn key_header(self, name: HeaderName) -> Self {
        self.with(|settings| settings.key_header = name)
    }

    /// Sets how errors of one type are read, if the [module docs](super#errors) do
    /// not list them, or in place of how the layer reads them: the error of the
    /// inner service, and what is boxed in it or among its sources. `None` leaves
    /// the decision to the layer. A second call replaces the first function.
    ///
    /// ```
    /// use std::{error::Error, fmt};
    /// use sluicegate::client::{Progress, RetryLayer};
    ///
    /// #[derive(Debug)]
    /// enum PoolError { Exhausted, Broken }
    /// # impl fmt::Display for PoolError {
    /// #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{self:?}") }
    /// # }
    ///
    /// impl Error for PoolError {}
    ///
    /// let layer = RetryLayer::new().errors(|error: &PoolError| match error {
    ///     PoolError::Exhausted => Some(Progress::NotSent),
    ///     PoolError::Broken => None,
    /// });
    /// # let _ = layer;
    /// ```
    pub fn errors<E: Error + 'static>(
        self,
        read: impl Fn(&E) -> Option<Progress> + Send + Sync + 'static,
    ) -> Self {
        let read = ErrorReader::new(read);
        self.with(|settings| settings.read_error = Some(Arc::new(read)))
    }

    /// Sets the observer, which is told of each attempt.
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        self.with(|settings| settings.observer = Some(observer))
    }

    fn with(mut self, set: impl FnOnce(&mut RetrySettings)) -> Self {
        // Clones the settings if a service or another layer has them.
        set(Arc::make_mut(&mut self.shared));
        self
    }
}

impl Default for RetryLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, self.shared.clone())
    }
}

impl fmt::Debug for RetryLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryLayer")
            .field("settings", &self.shared)
            .finish()
    }
}
