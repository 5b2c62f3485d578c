//! The layer and its settings.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderName, Request, response::Parts};
use tower_layer::Layer;

use super::{
    entry::DeadlineEntry, rejection_budget::RejectionBudget, service::EnforceDeadline,
    settings::EnforceSettings, trust::Trust,
};
use crate::{
    deadline::{Coverage, Form, Observe},
    refusal::Answer,
};

/// Ends requests when their caller no longer waits for the response.
///
/// Place it outside of everything that may wait, so that the time counts from
/// when a request comes, but inside of RED metrics, tracing and CORS, which
/// have to see its response (see [the order](crate#the-order-of-layers)).
/// Without settings, the only timeouts are those that requests ask for in their
/// headers, and refusals are an [`Answer`]. All services and clones of one
/// layer share its budget of rejections and its timers.
///
/// # How it decides
///
/// The timeout of a request is the smallest in its [headers](Self::headers), as
/// far as the layer [trusts](Self::trust) them, or else the
/// [default](Self::default_timeout), and at most the [maximum](Self::maximum).
/// Its deadline is the time of arrival plus this timeout, or else the earlier
/// one of the [`Deadline`](crate::deadline::Deadline) in the request's
/// extensions and the [`current`](crate::deadline::current) one. It is put into
/// the extensions, and is the current one for the handler and for the response
/// body.
///
/// | the deadline passes | what happens |
/// |---|---|
/// | before the request comes, or less than [`min_useful`](Self::min_useful) is left | it is refused unless [too many](Self::reject_at_most) are; the handler is not called |
/// | before there is a response | the inner future is dropped, or its late response or error, and the request is refused: 504, or status 4 for gRPC |
/// | in a response body of known size | it goes out whole if its frames are there when the server asks for them, else as below |
/// | in another response body | the inner body is dropped, even if the server does not poll it, and the body ends with an error, or status 4 for gRPC |
///
/// For a response of `text/event-stream` and for an upgrade (status 101), only
/// the head is bounded, and others can be treated so, too: see
/// [`covers`](Self::covers). A gRPC stream is bounded as a whole, as gRPC
/// defines it.
///
/// Every request gets a response: a body ends with an error only after the
/// server has sent the head and the frames before; see
/// [`ResponseBody`](super::ResponseBody).
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use axum::{Router, body::Body, routing::get};
/// use http::{Request, StatusCode};
/// use sluicegate::deadline::EnforceDeadlineLayer;
/// use tower::ServiceExt;
///
/// let app: Router = Router::new()
///     .route("/", get(|| tokio::time::sleep(Duration::from_secs(60))))
///     .layer(EnforceDeadlineLayer::new().default_timeout(Duration::from_secs(10)));
///
/// let request = Request::get("/").header("request-timeout", "500ms");
/// let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
/// assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
/// # }
/// ```
///
/// With a closure that trusts the internal network, routes without a deadline,
/// and streams that may last as long as there is a frame every 30 seconds:
///
/// ```
/// use std::time::Duration;
/// use http::Request;
/// use sluicegate::deadline::{Coverage, EnforceDeadlineLayer, Trust};
///
/// let layer = EnforceDeadlineLayer::new()
///     .default_timeout(Duration::from_secs(10))
///     .maximum(Duration::from_secs(60))
///     .trust(|req: &Request<String>| match req.headers().contains_key("x-internal") {
///         true => Trust::Full,
///         false => Trust::LowerOnly,
///     })
///     .exempt(|req: &Request<String>| req.uri().path() == "/import")
///     .covers(|head| match head.extensions.get::<Endless>() {
///         Some(Endless) => Coverage::frames(Duration::from_secs(30)),
///         None => Coverage::usual(head),
///     });
///
/// /// Handlers of such streams put it into the extensions of their responses.
/// #[derive(Clone)]
/// struct Endless;
/// # let _ = layer;
/// ```
///
/// # Readiness and clones
///
/// Readiness is the inner service's; nothing is reserved in `poll_ready`. The
/// layer needs a tokio runtime: it uses one timer for each request that has to
/// wait for its response, and one task on each runtime for the bodies of all
/// requests under one layer. The runtime that made a body times it, and from
/// then on the one that polls it.
///
/// # Cancellation
///
/// A handler that is dropped stops at its next `await`. Tasks that it has
/// spawned go on; they can watch the
/// [`cancellation`](crate::deadline::cancellation). Work that must be finished is
/// spawned and [detached](crate::deadline::detach).
///
/// # Differences from others
///
/// * tower's `TimeoutLayer` turns expiry into an error, which axum has to be
///   told to handle, and does not know the caller's timeout.
/// * tower-http's `TimeoutLayer` ends when there is a response. Its timeouts
///   for bodies are checked only when the body is polled, and begin anew with
///   each frame.
/// * tonic bounds a call until its headers, and counts from after whatever the
///   call waited for before. Leave its `Server::timeout` unset.
#[derive(Clone)]
#[must_use]
pub struct EnforceDeadlineLayer<T = Trust, X = (), A = Answer> {
    /// Shared with the services. A router makes or clones one for each request.
    entry: Arc<DeadlineEntry<T, X>>,
    answer: A,
}

impl EnforceDeadlineLayer {
    /// Returns a layer without timeouts of its own.
    pub fn new() -> Self {
        let entry = DeadlineEntry {
            trust: Trust::default(),
            exempt: (),
            settings: Arc::new(EnforceSettings::new()),
        };
        let entry = Arc::new(entry);
        let answer = Answer::new();
        Self { entry, answer }
    }
}

impl Default for EnforceDeadlineLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone, X: Clone, A> EnforceDeadlineLayer<T, X, A> {
    /// Sets how far requests are believed about their time. Takes a [`Trust`]
    /// for all, or a closure that looks at the request. The default,
    /// [`Trust::LowerOnly`], is right for clients that are not trusted.
    pub fn trust<T2>(self, trust: T2) -> EnforceDeadlineLayer<T2, X, A> {
        self.map(|_, exempt| (trust, exempt))
    }

    /// Sets which requests get no deadline from this layer. WebSockets and
    /// event streams need not be exempt: see [`covers`](Self::covers).
    pub fn exempt<B, F: Fn(&Request<B>) -> bool>(self, exempt: F) -> EnforceDeadlineLayer<T, F, A> {
        self.map(|trust, _| (trust, exempt))
    }

    /// Sets the timeout of requests that ask for none, or that are not
    /// believed. By default there is none.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn default_timeout(self, timeout: Duration) -> Self {
        more_than_zero("default_timeout", timeout);
        self.with(|settings| settings.default_timeout = Some(timeout))
    }

    /// Sets the longest timeout, whatever a request asks for. By default there
    /// is none. It does not bound requests without any timeout.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn maximum(self, maximum: Duration) -> Self {
        more_than_zero("maximum", maximum);
        self.with(|settings| settings.maximum = Some(maximum))
    }

    /// Sets the least time that is worth beginning with: a request that has
    /// less is refused at once. By default, all that have any time are let in.
    pub fn min_useful(self, least: Duration) -> Self {
        self.with(|settings| settings.min_useful = least)
    }

    /// Sets how many of the requests of the last ten seconds may be refused
    /// because too little time is left: 20 percent by default.
    ///
    /// The others are let in and keep their response, however late it is: their
    /// handler sees their deadline, but only the
    /// [default timeout](Self::default_timeout) ends it, and their body is not
    /// timed. At 0, requests with too little time are only counted. A request
    /// for a timeout of zero is always refused.
    ///
    /// # Panics
    ///
    /// When it is more than 100.
    #[track_caller]
    pub fn reject_at_most(self, percent: u8) -> Self {
        let rejections = Arc::new(RejectionBudget::at_most(percent));
        self.with(|settings| settings.rejections = rejections)
    }

    /// Sets which headers carry timeouts, and in which form. The defaults are
    /// those of [`Form`].
    pub fn headers(self, headers: impl IntoIterator<Item = (HeaderName, Form)>) -> Self {
        self.with(|settings| settings.headers = headers.into_iter().collect())
    }

    /// Refuses requests with a malformed timeout: 400, or status 13 for gRPC.
    /// By default, such a value is ignored.
    pub fn strict(self) -> Self {
        self.with(|settings| settings.is_strict = true)
    }

    /// Sets how much of a response the deadline bounds, by its head. The
    /// default is [`Coverage::usual`], so that event streams and upgrades last.
    /// A tunnel, which is a successful response to `CONNECT`, is bounded by its
    /// head in any case.
    pub fn covers(self, covers: impl Fn(&Parts) -> Coverage + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.covers = Some(Arc::new(covers)))
    }

    /// Puts a [`Cancellation`](crate::deadline::Cancellation) into the
    /// extensions of requests with a deadline. This is off by default, because
    /// it takes an allocation for each request, and
    /// [`cancellation`](crate::deadline::cancellation) makes one on demand.
    pub fn with_cancellation(self) -> Self {
        self.with(|settings| settings.with_cancellation = true)
    }

    /// Sets the observer of events.
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        self.with(|settings| settings.observer = Some(observer))
    }

    fn with(mut self, set: impl FnOnce(&mut EnforceSettings)) -> Self {
        // Clones the settings if a service or another layer has them. The
        // budget and the timers stay shared.
        let entry = Arc::make_mut(&mut self.entry);
        set(Arc::make_mut(&mut entry.settings));
        self
    }

    /// Changes a part that is in the type.
    fn map<T2, X2>(self, map: impl FnOnce(T, X) -> (T2, X2)) -> EnforceDeadlineLayer<T2, X2, A> {
        let parts = Arc::unwrap_or_clone(self.entry);
        let (trust, exempt) = map(parts.trust, parts.exempt);
        let entry = DeadlineEntry {
            trust,
            exempt,
            settings: parts.settings,
        };
        EnforceDeadlineLayer {
            entry: Arc::new(entry),
            answer: self.answer,
        }
    }
}

impl<T, X, A> EnforceDeadlineLayer<T, X, A> {
    /// Sets how requests are refused: any [`Refuse`](crate::refusal::Refuse),
    /// such as an [`Answer`] with another status, or
    /// [`AsError`](crate::refusal::AsError).
    ///
    /// It sees the request without its body. If a handler was late, the request
    /// has gone to it, and only its content type is left.
    pub fn refuse_with<A2>(self, answer: A2) -> EnforceDeadlineLayer<T, X, A2> {
        let entry = self.entry;
        EnforceDeadlineLayer { entry, answer }
    }
}

#[track_caller]
fn more_than_zero(field: &str, value: Duration) {
    assert!(
        !value.is_zero(),
        "invalid {field} {value:?}: must be more than 0"
    );
}

impl<S, T, X, A> Layer<S> for EnforceDeadlineLayer<T, X, A>
where
    A: Clone,
{
    type Service = EnforceDeadline<S, T, X, A>;

    fn layer(&self, inner: S) -> Self::Service {
        EnforceDeadline::new(inner, self.entry.clone(), self.answer.clone())
    }
}

impl<T, X, A: fmt::Debug> fmt::Debug for EnforceDeadlineLayer<T, X, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnforceDeadlineLayer")
            .field("entry", &self.entry)
            .field("answer", &self.answer)
            .finish()
    }
}
