use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderName, Request};
use tower_layer::Layer;

use super::{
    headers::Form,
    rejection_budget::Rejections,
    service::EnforceDeadline,
    settings::{Gate, Terms},
    trust::Trust,
};
use crate::deadline::{Covers, observe::Observe};
use crate::refusal::Answer;

/// Ends requests when nobody waits for their answer any more.
///
/// It stands before everything that may wait, so that the time counts from when a
/// request comes, but behind RED metrics, tracing and CORS, which have to see its
/// answer (see [the order](crate#the-order-of-layers)). Unless told otherwise there is
/// no timeout but what requests ask for in their headers, who is refused gets an
/// [`Answer`], and neither [`layer`](Layer::layer) nor a clone makes new state:
/// what is counted is counted for all routes, connections and clones together.
///
/// # How it decides
///
/// A request's timeout is the smallest that its [headers](Self::headers) say and
/// the layer [trusts](Self::trust), or the [default](Self::default_timeout), and
/// at most the [maximum](Self::maximum). The deadline is when the request came,
/// and that; or the [`Deadline`](crate::deadline::Deadline) in the request's extensions or
/// the [`current`](crate::deadline::current) one, if that is earlier. It is put into the
/// extensions, and is the current one for the handler and for the response body.
///
/// | the deadline passes | what happens |
/// |---|---|
/// | before the request comes, or less than [`min_useful`](Self::min_useful) is left | refused unless [too many](Self::reject_at_most) are; the handler is not asked |
/// | before there is a response | the inner future is dropped, or its late response or error, and the caller refused: 504, or status 4 for gRPC |
/// | in a response body whose size is known | it goes out whole if its frames are there when the server asks for them, else as below |
/// | in another response body | the inner body is dropped, even if no server polls it, and the body ends with an error, or status 4 for gRPC |
///
/// A response of `text/event-stream` and an upgrade (status 101) are bounded by their
/// head alone, and others can be: see [`covers`](Self::covers). gRPC streams are
/// bounded as a whole, as gRPC has it.
///
/// No request is left without an answer: a body ends with an error only when the
/// server has sent the head and the frames before; see
/// [`ResponseBody`](crate::deadline::ResponseBody).
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
/// With a closure to trust the own network, routes without a deadline, and streams
/// that last as long as they have a frame in half a minute:
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
///     .covers(|head: &http::response::Parts| match head.extensions.get::<Endless>() {
///         Some(Endless) => Coverage::frames(Duration::from_secs(30)),
///         None => Coverage::usual(head),
///     });
///
/// /// What handlers of such streams put into the extensions of their responses.
/// #[derive(Clone)]
/// struct Endless;
/// # let _ = layer;
/// ```
///
/// # Readiness and clones
///
/// Readiness is the inner service's; nothing is reserved in `poll_ready`. It
/// runs in tokio's runtime: one timer for each request that has to wait for its
/// answer, and one task on each runtime for the bodies of all requests under one
/// layer. A body is watched by the runtime that made it, and from then on by the one
/// that polls it.
///
/// # Cancellation
///
/// A handler that is dropped stops at its next `await`. What it has spawned goes
/// on: for that there is the [`cancellation`](crate::deadline::cancellation). What has to
/// be finished is spawned and [detached](crate::deadline::detach).
///
/// # Differences from others
///
/// * tower's `TimeoutLayer` turns expiry into an error that axum has to be told
///   to handle, and knows nothing of callers.
/// * tower-http's `TimeoutLayer` ends when there is a response; its timeouts for
///   bodies are looked at when the body is polled, and begin anew with each
///   frame.
/// * tonic bounds a call until there are headers, after whatever it has waited
///   for before. Leave its `Server::timeout` unset.
#[derive(Clone)]
#[must_use]
pub struct EnforceDeadlineLayer<T = Trust, X = (), A = Answer> {
    gate: Gate<T, X>,
    answer: A,
}

impl EnforceDeadlineLayer {
    /// A layer without timeouts of its own.
    pub fn new() -> Self {
        let gate = Gate {
            trust: Trust::default(),
            exempt: (),
            terms: Arc::new(Terms::new()),
        };
        let answer = Answer::new();
        Self { gate, answer }
    }
}

impl Default for EnforceDeadlineLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, X, A> EnforceDeadlineLayer<T, X, A> {
    /// How far requests are believed about their time: [`Trust::LowerOnly`]
    /// unless set, as is right where anybody may ask. Takes a [`Trust`] for all,
    /// or a closure that looks at the request.
    pub fn trust<T2>(self, trust: T2) -> EnforceDeadlineLayer<T2, X, A> {
        let Self { gate, answer } = self;
        let Gate { exempt, terms, .. } = gate;
        let gate = Gate {
            trust,
            exempt,
            terms,
        };
        EnforceDeadlineLayer { gate, answer }
    }

    /// Which requests have no deadline by this layer. WebSockets and event streams
    /// need not be exempt: see [`covers`](Self::covers).
    pub fn exempt<B, F: Fn(&Request<B>) -> bool>(self, exempt: F) -> EnforceDeadlineLayer<T, F, A> {
        let Self { gate, answer } = self;
        let Gate { trust, terms, .. } = gate;
        let gate = Gate {
            trust,
            exempt,
            terms,
        };
        EnforceDeadlineLayer { gate, answer }
    }

    /// How a refusal is told: any [`Refuse`](crate::refusal::Refuse), such as
    /// an [`Answer`] with another status, or
    /// [`AsError`](crate::refusal::AsError).
    ///
    /// It is shown the request without its body. When a handler was late, the
    /// request has gone to it, and all that is left is the content type.
    pub fn refuse_with<A2>(self, answer: A2) -> EnforceDeadlineLayer<T, X, A2> {
        let gate = self.gate;
        EnforceDeadlineLayer { gate, answer }
    }

    /// How long requests have that say nothing, or are not believed. There is no
    /// such bound unless set.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn default_timeout(self, timeout: Duration) -> Self {
        more_than_zero("default_timeout", timeout);
        self.with(|terms| terms.default_timeout = Some(timeout))
    }

    /// How long requests have at most, whatever they say. There is no such bound
    /// unless set. Requests without any timeout are not bound by it.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn maximum(self, maximum: Duration) -> Self {
        more_than_zero("maximum", maximum);
        self.with(|terms| terms.maximum = Some(maximum))
    }

    /// Less time than this is not worth to begin: such requests are refused at
    /// once. Unless set, all that have any time are let in.
    pub fn min_useful(self, least: Duration) -> Self {
        self.with(|terms| terms.min_useful = least)
    }

    /// How many of the requests of ten seconds are refused because too little
    /// time is left: 20 percent unless set. Those beyond it are let in and keep
    /// their answer, however late it is: their handler is told of their deadline and
    /// ends by the [default timeout](Self::default_timeout) alone, and their body is
    /// not timed. At 0, what would be refused is only counted. A request for a
    /// timeout of zero is always refused.
    ///
    /// # Panics
    ///
    /// When it is more than 100.
    #[track_caller]
    pub fn reject_at_most(self, percent: u8) -> Self {
        let rejections = Arc::new(Rejections::at_most(percent));
        self.with(|terms| terms.rejections = rejections)
    }

    /// Which headers say how long the caller waits, and in which form. Unless
    /// set, they are those of [`wire`](crate::deadline::wire).
    pub fn headers(self, headers: impl IntoIterator<Item = (HeaderName, Form)>) -> Self {
        self.with(|terms| terms.headers = headers.into_iter().collect())
    }

    /// Refuses requests with a timeout that cannot be read: 400, or status 13
    /// for gRPC. Unless set, such a value counts as not there.
    pub fn strict(self) -> Self {
        self.with(|terms| terms.strict = true)
    }

    /// How much of a response the deadline bounds, chosen by its head:
    /// [`Coverage::usual`](crate::deadline::Coverage::usual) unless set, so that event streams and upgrades last. Takes
    /// a [`Coverage`](crate::deadline::Coverage) for all, or a closure. A tunnel, which is a successful answer to
    /// `CONNECT`, is bounded by its head in any case.
    pub fn covers(self, covers: impl Covers + Send + Sync + 'static) -> Self {
        self.with(|terms| terms.covers = Some(Arc::new(covers)))
    }

    /// Puts a [`Cancellation`](crate::deadline::Cancellation) among the extensions of
    /// requests with a deadline. Off unless asked for: it is kept on the heap,
    /// and [`cancellation`](crate::deadline::cancellation) makes it when it is needed.
    pub fn with_cancellation(self) -> Self {
        self.with(|terms| terms.with_cancellation = true)
    }

    /// Who is told what became of deadlines.
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        self.with(|terms| terms.observer = Some(observer))
    }

    fn with(mut self, set: impl FnOnce(&mut Terms)) -> Self {
        set(Arc::make_mut(&mut self.gate.terms));
        self
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
    T: Clone,
    X: Clone,
    A: Clone,
{
    type Service = EnforceDeadline<S, T, X, A>;

    fn layer(&self, inner: S) -> Self::Service {
        EnforceDeadline::new(inner, self.gate.clone(), self.answer.clone())
    }
}

impl<T, X, A: fmt::Debug> fmt::Debug for EnforceDeadlineLayer<T, X, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnforceDeadlineLayer")
            .field("gate", &self.gate)
            .field("answer", &self.answer)
            .finish()
    }
}
