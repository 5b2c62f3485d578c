//! The layer and its settings.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{
    admission::LimitAdmission,
    service::RateLimit,
    settings::AdmissionSettings,
    settle::{ChargeWhen, End, SettledLimitLayer},
};
use crate::{
    key::{Global, PeerWarning},
    limit::{limiter::Wait, observe::Observe, rules::quota::Cost, warn_log::WarnLog},
    refusal::{Answer, Headers, NoText},
};

/// Puts a limiter in front of a service.
///
/// The layer holds a handle to its limiter. Neither [`layer`](Layer::layer) nor
/// a clone makes new state, so a limit of 5 is 5 for all routes, connections
/// and clones together. See the [module docs](crate::limit) for how to use it.
///
/// By default there is one budget for all requests, each request costs 1, and a
/// request that is over the limit or has no key is refused at once by an
/// [`Answer`].
///
/// # Order of checks
///
/// | step | setting | a request that stops here |
/// |---|---|---|
/// | exempt? | [`exempt`](Self::exempt) | passes, unmarked |
/// | whose? | [`key`](Self::key) | has no key: it is refused, or [passes](Self::pass_without_key) |
/// | how much? | [`cost`](Self::cost) | |
/// | is it there? | the limiter, [`wait`](Self::wait) | waits for its turn, or is [refused](Self::refuse_with) |
///
/// Then the inner service is called, and its response is marked with what is
/// left.
#[derive(Clone)]
#[must_use]
pub struct RateLimitLayer<L, K = Global, C = (), X = (), A = Answer> {
    /// Shared with the services. A router makes or clones one for each request.
    admission: Arc<LimitAdmission<L, K, C, X, A>>,
}

impl<L> RateLimitLayer<L> {
    /// Creates a layer over any limiter: [`Local`](crate::limit::Local),
    /// [`All`](crate::limit::All), [`Tiers`](crate::limit::Tiers), `Redis`, or one of
    /// your own.
    pub fn new(limiter: L) -> Self {
        Self::answering(limiter, Answer::new())
    }
}

impl<L, A> RateLimitLayer<L, Global, (), (), A> {
    /// Creates a layer with the default settings and this answer.
    fn answering(limiter: L, answer: A) -> Self {
        let settings = AdmissionSettings {
            wait: Wait::none(),
            pass_without_key: false,
            shadow: false,
            log: WarnLog::new(),
            peer_warning: PeerWarning::default(),
            observer: None,
        };
        let admission = LimitAdmission {
            limiter,
            key: Global,
            cost: (),
            exempt: (),
            answer,
            settings,
        };
        Self {
            admission: Arc::new(admission),
        }
    }
}

impl<L> RateLimitLayer<L, Global, (), (), Answer<NoText>> {
    /// Creates a layer for a client, which paces calls to a partner that has
    /// limits of its own.
    ///
    /// The partner's responses stay as they are, without quota headers of this
    /// limit, and a call that is refused here gets a response without a body.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::limit::{LeakyBucket, Local, Quota, RateLimitLayer, Wait};
    ///
    /// // The partner allows 10 calls a second. Calls wait for up to a second.
    /// let limiter = Local::direct(LeakyBucket::new(Quota::per_second(10).burst(10)));
    /// let layer = RateLimitLayer::client(limiter).wait(Wait::up_to(Duration::from_secs(1)));
    /// # let _ = layer;
    /// ```
    pub fn client(limiter: L) -> Self {
        let answer = Answer::new().headers(Headers::None).without_body();
        Self::answering(limiter, answer)
    }
}

impl<L: Clone, K: Clone, C: Clone, X: Clone, A: Clone> RateLimitLayer<L, K, C, X, A> {
    /// Sets whose budget a request draws on: any [`Key`](crate::key::Key).
    ///
    /// A limiter with keys does not compile without one, because the default
    /// [`Global`] is the key of a limiter with a single bucket.
    ///
    /// ```
    /// use sluicegate::{key::{self, ClientIp, KeyExt}, limit::{Local, Quota, RateLimitLayer, TokenBucket}};
    ///
    /// let limiter = Local::keyed(TokenBucket::new(Quota::per_second(100)));
    /// // By API key, and anonymous requests by their address.
    /// let layer = RateLimitLayer::new(limiter).key(key::header("x-api-key").or(ClientIp::peer()));
    /// # let _ = layer;
    /// ```
    pub fn key<K2>(self, key: K2) -> RateLimitLayer<L, K2, C, X, A> {
        self.map(|(_, cost, exempt, answer)| (key, cost, exempt, answer))
    }

    /// Sets what a request costs. By default it costs 1.
    ///
    /// A cost above the limit is never admitted. A cost of 0 is admitted unless
    /// the budget is in debt.
    ///
    /// ```
    /// use http::Request;
    /// use sluicegate::limit::{Local, Quota, RateLimitLayer, TokenBucket};
    ///
    /// let limiter = Local::direct(TokenBucket::new(Quota::per_second(1_000).burst(5_000)));
    /// // A search costs as much as ten other requests.
    /// let layer = RateLimitLayer::new(limiter).cost(|req: &Request<()>| {
    ///     if req.uri().path() == "/search" { 10 } else { 1 }
    /// });
    /// # let _ = layer;
    /// ```
    pub fn cost<Req, F: Fn(&Req) -> Cost>(self, cost: F) -> RateLimitLayer<L, K, F, X, A> {
        self.map(|(key, _, exempt, answer)| (key, cost, exempt, answer))
    }

    /// Sets which requests pass without asking the limiter, such as health
    /// checks.
    ///
    /// They cost nothing, and their responses are not marked. An observer sees
    /// them with
    /// [`RequestOutcome::Exempt`](crate::limit::RequestOutcome::Exempt).
    ///
    /// ```
    /// use http::Request;
    /// use sluicegate::limit::{Local, Quota, RateLimitLayer, TokenBucket};
    ///
    /// let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
    /// let layer = RateLimitLayer::new(limiter)
    ///     .exempt(|req: &Request<()>| req.uri().path() == "/healthz");
    /// # let _ = layer;
    /// ```
    pub fn exempt<Req, F: Fn(&Req) -> bool>(self, exempt: F) -> RateLimitLayer<L, K, C, F, A> {
        self.map(|(key, cost, _, answer)| (key, cost, exempt, answer))
    }

    /// Lets requests wait for their turn instead of refusing them, within the
    /// bounds of `wait`. A [`Duration`](std::time::Duration) alone is the
    /// longest wait. The default is [`Wait::none`]: requests wait in the queue
    /// of a leaky bucket, and nowhere else.
    ///
    /// A request never waits past its [deadline](crate::deadline). If it would,
    /// it is refused at once. A request that is dropped while it waits gives
    /// back its place.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::limit::{Local, Quota, RateLimitLayer, TokenBucket, Wait};
    ///
    /// let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
    /// // Up to half a second, and at most 20 requests in the queue.
    /// let layer = RateLimitLayer::new(limiter).wait(Wait::up_to(Duration::from_millis(500)).queue(20));
    /// # let _ = layer;
    /// ```
    pub fn wait(self, wait: impl Into<Wait>) -> Self {
        let wait = wait.into();
        self.with(|settings| settings.wait = wait)
    }

    /// Lets requests without a key pass. By default they are refused with 400,
    /// or with 500 if the key is the client's address and the transport does
    /// not provide it.
    ///
    /// An observer sees them with
    /// [`RequestOutcome::Keyless`](crate::limit::RequestOutcome::Keyless).
    pub fn pass_without_key(self) -> Self {
        self.with(|settings| settings.pass_without_key = true)
    }

    /// Turns shadow mode on or off: decide, record and log, but let every
    /// request pass at once and leave its response unmarked. Use it to try a
    /// limit out on real traffic.
    ///
    /// No request waits in shadow mode, so a request that would have waited
    /// under
    /// [`wait`](Self::wait) is recorded as denied.
    pub fn shadow(self, shadow: bool) -> Self {
        self.with(|settings| settings.shadow = shadow)
    }

    /// Notifies this observer of every decision. A second call replaces the
    /// first observer.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sluicegate::limit::{Counts, Local, Quota, RateLimitLayer, TokenBucket};
    ///
    /// let counts = Arc::new(Counts::default());
    /// let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
    /// let layer = RateLimitLayer::new(limiter).shadow(true).observe(counts.clone());
    /// # let _ = layer;
    /// // After a day of traffic: how many requests would have been refused.
    /// println!("{:?}", counts.snapshot());
    /// ```
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        self.with(|settings| settings.observer = Some(observer))
    }

    /// Writes keys in full, in their `Debug` form, into the log events about
    /// refusals, which have the target `sluicegate::limit`. Off by default,
    /// because a key may be a person's address or a secret.
    pub fn log_keys(self) -> Self {
        self.with(|settings| settings.log.write_keys())
    }

    /// Sets how requests are refused: any [`Refuse`](crate::refusal::Refuse),
    /// such as an [`Answer`] with other headers, or
    /// [`AsError`](crate::refusal::AsError) for a service that is not HTTP.
    ///
    /// ```
    /// use sluicegate::{limit::{Local, Quota, RateLimitLayer, TokenBucket}, refusal::{Answer, Headers}};
    ///
    /// let limiter = Local::direct(TokenBucket::new(Quota::per_second(10)));
    /// let answer = Answer::new().headers(Headers::Both).with_decision();
    /// let layer = RateLimitLayer::new(limiter).refuse_with(answer);
    /// # let _ = layer;
    /// ```
    pub fn refuse_with<A2>(self, answer: A2) -> RateLimitLayer<L, K, C, X, A2> {
        self.map(|(key, cost, exempt, _)| (key, cost, exempt, answer))
    }

    /// Changes a part that is in the type.
    fn map<K2, C2, X2, A2>(
        self,
        map: impl FnOnce((K, C, X, A)) -> (K2, C2, X2, A2),
    ) -> RateLimitLayer<L, K2, C2, X2, A2> {
        let parts = Arc::unwrap_or_clone(self.admission);
        let (key, cost, exempt, answer) = map((parts.key, parts.cost, parts.exempt, parts.answer));
        let admission = LimitAdmission {
            limiter: parts.limiter,
            key,
            cost,
            exempt,
            answer,
            settings: parts.settings,
        };
        RateLimitLayer {
            admission: Arc::new(admission),
        }
    }

    /// Changes a setting that is not in the type.
    fn with(mut self, set: impl FnOnce(&mut AdmissionSettings)) -> Self {
        // Clones the admission if a service or another layer has it. The
        // limiter and the log stay shared.
        set(&mut Arc::make_mut(&mut self.admission).settings);
        self
    }
}

impl<L, K, C, X, A> RateLimitLayer<L, K, C, X, A> {
    /// Charges each request for what it really took.
    ///
    /// The [cost](Self::cost) of a request is an estimate, which is charged
    /// when the request comes and settled when the body of its response has
    /// ended, with what `actual_cost` makes of the [`End`]: under-use goes
    /// back, over-use becomes debt. To be called last, because all other
    /// settings are those of this layer.
    ///
    /// The limiter has to be a [`HoldLimiter`](crate::limit::HoldLimiter), and
    /// the service one of HTTP or gRPC. The future of a request that is dropped
    /// before its end, such as by a client that hangs up, settles it then; see
    /// [`End`] for what the closure is told. Clients that may choose when to
    /// hang up should not gain by it.
    ///
    /// # Tokens of a language model
    ///
    /// ```
    /// use http::Request;
    /// use sluicegate::{
    ///     key,
    ///     limit::{End, Local, Quota, RateLimitLayer, TokenBucket},
    /// };
    ///
    /// let tokens = Local::keyed(TokenBucket::new(Quota::per_minute(100_000)));
    /// let layer = RateLimitLayer::new(tokens)
    ///     .key(key::header("x-api-key"))
    ///     // As many tokens as the answer may have at most.
    ///     .cost(|_: &Request<axum::body::Body>| 4_000)
    ///     // The handler counts the real ones in `Extension<Spent>`, also those
    ///     // of an answer that the client did not wait for.
    ///     .settle(|end: &End<'_>| end.spent());
    /// # let _: axum::Router = axum::Router::new().layer(layer);
    /// ```
    ///
    /// # Bytes of a download
    ///
    /// ```
    /// use http::Request;
    /// use sluicegate::{
    ///     key::ClientIp,
    ///     limit::{End, Local, Quota, RateLimitLayer, TokenBucket},
    /// };
    ///
    /// let mebibyte = 1 << 20;
    /// let bytes = Local::keyed(TokenBucket::new(Quota::per_hour(500 * mebibyte)));
    /// let layer = RateLimitLayer::new(bytes)
    ///     .key(ClientIp::peer())
    ///     .cost(move |_: &Request<axum::body::Body>| mebibyte)
    ///     .settle(|end: &End<'_>| end.bytes());
    /// # let _: axum::Router = axum::Router::new().layer(layer);
    /// ```
    pub fn settle<F>(self, actual_cost: F) -> SettledLimitLayer<L, K, C, X, A, F>
    where
        F: Fn(&End<'_>) -> Cost,
    {
        SettledLimitLayer::new(self.admission, actual_cost)
    }

    /// Charges a request if `condition` holds at its end, and nothing
    /// otherwise.
    ///
    /// The cost is reserved when the request comes, so that of concurrent
    /// requests no more than the limit get through. Conditions ready made:
    /// [`refused`](crate::limit::refused), [`failed`](crate::limit::failed),
    /// [`ok`](crate::limit::ok). See [`settle`](Self::settle) for the rest.
    ///
    /// # Failed logins
    ///
    /// ```
    /// use sluicegate::{
    ///     key,
    ///     limit::{self, Local, Quota, RateLimitLayer, SlidingLog},
    /// };
    ///
    /// // Three wrong passwords an hour for each user; right ones are free.
    /// let failures = Local::keyed(SlidingLog::new(Quota::per_hour(3)));
    /// let layer = RateLimitLayer::new(failures)
    ///     .key(key::header("x-user"))
    ///     .charge_when(limit::refused());
    /// # let _: axum::Router = axum::Router::new().layer(layer);
    /// ```
    ///
    /// # A payment that may be declined
    ///
    /// ```
    /// use sluicegate::{
    ///     key,
    ///     limit::{self, Local, Quota, RateLimitLayer, SlidingWindow},
    /// };
    ///
    /// // Ten payments a day; one that the bank declined (402) does not count.
    /// let payments = Local::keyed(SlidingWindow::new(Quota::per_day(10)));
    /// let layer = RateLimitLayer::new(payments)
    ///     .key(key::header("x-customer"))
    ///     .charge_when(limit::ok());
    /// # let _: axum::Router = axum::Router::new().layer(layer);
    /// ```
    pub fn charge_when<F>(self, condition: F) -> SettledLimitLayer<L, K, C, X, A, ChargeWhen<F>>
    where
        F: Fn(&End<'_>) -> bool,
    {
        SettledLimitLayer::new(self.admission, ChargeWhen(condition))
    }
}

impl<S, L, K, C, X, A> Layer<S> for RateLimitLayer<L, K, C, X, A> {
    type Service = RateLimit<S, L, K, C, X, A>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimit::new(inner, self.admission.clone())
    }
}

impl<L: fmt::Debug, K: fmt::Debug, C, X, A: fmt::Debug> fmt::Debug
    for RateLimitLayer<L, K, C, X, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer")
            .field("admission", &self.admission)
            .finish()
    }
}
