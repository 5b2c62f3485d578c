//! The layer and its settings.

use std::{fmt, mem, sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{
    admission::ConcurrencyAdmission, service::Concurrency, settings::ConcurrencySettings,
    shedder::Shedder,
};
use crate::{
    concurrency::{observe::Observe, priority::CutOff, shed::Shed},
    error::{InvalidSetting, valid},
    key::Global,
    random_bits::RandomBits,
    refusal::Answer,
};

/// Serves a limited number of requests at a time, and refuses the others, the
/// least important first.
///
/// The layer holds a handle to its limiter. Neither [`layer`](Layer::layer) nor
/// a clone makes new state, so a limit of 5 is 5 for all routes, connections
/// and clones together. See the [module docs](crate::concurrency) for how to use
/// it.
///
/// # Order of checks
///
/// | step | setting | a request that stops here |
/// |---|---|---|
/// | exempt? | [`exempt`](Self::exempt) | passes without a permit |
/// | how important? | [`priority`](Self::priority) | |
/// | whose? | [`key`](Self::key) | has no key: it is refused, or [passes](Self::pass_without_key) |
/// | above the cut-off? | [`cut_off`](Self::cut_off) | is refused |
/// | a permit? | the limiter | waits in the queue, or is [refused](Self::refuse_with) |
///
/// Then the inner service is called. The permit goes back when the body of the
/// response has ended, or when the response is dropped.
///
/// ```
/// use axum::{Router, routing::get};
/// use sluicegate::concurrency::{ConcurrencyLayer, Local};
///
/// // 100 requests at a time, of both routes together.
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .route("/more", get(|| async { "more" }))
///     .layer(ConcurrencyLayer::new(Local::new(100)));
/// ```
#[must_use]
pub struct ConcurrencyLayer<L, K = Global, P = (), X = (), A = Answer> {
    /// Shared with the services. A router makes or clones one for each request.
    admission: Arc<ConcurrencyAdmission<L, K, P, X, A>>,
}

impl<L> ConcurrencyLayer<L> {
    /// Creates a layer over any limiter, such as a
    /// [`Local`](crate::concurrency::Local).
    pub fn new(permits: L) -> Self {
        let admission = ConcurrencyAdmission {
            permits,
            key: Global,
            priority: (),
            exempt: (),
            answer: Answer::new(),
            settings: ConcurrencySettings::default(),
            shedder: None,
        };
        Self {
            admission: Arc::new(admission),
        }
    }
}

impl<L: Clone, K: Clone, P: Clone, X: Clone, A: Clone> ConcurrencyLayer<L, K, P, X, A> {
    /// Sets the key by which a limiter with keys gives permits: any
    /// [`Key`](crate::key::Key).
    ///
    /// ```
    /// use sluicegate::{concurrency::{ConcurrencyLayer, Local}, key};
    ///
    /// // 10 requests at a time for each tenant.
    /// let layer = ConcurrencyLayer::new(Local::keyed(10)).key(key::header("x-tenant"));
    /// # let _ = layer;
    /// ```
    pub fn key<K2>(self, key: K2) -> ConcurrencyLayer<L, K2, P, X, A> {
        let keyed = self.with(|admission| {
            // One key in an overload must not shed the requests of others.
            if mem::take(&mut admission.settings.has_default_cut_off) {
                admission.shedder = None;
            }
        });
        keyed.map(|(_, priority, exempt, answer)| (key, priority, exempt, answer))
    }

    /// Sets how important requests are: a
    /// [`Priority`](crate::concurrency::Priority).
    ///
    /// The limiter then refuses less important requests first. The level is the
    /// [current](crate::criticality::current) one of the handler and of the body,
    /// and is among the extensions of the request. It is never above that of
    /// the work that calls the service.
    ///
    /// In an overload, the layer also moves a [cut-off](Self::cut_off). Without
    /// a priority, all requests have the same rank, or that of the current
    /// level.
    ///
    /// ```
    /// use http::Request;
    /// use sluicegate::concurrency::{Cohorts, ConcurrencyLayer, Local, Priority, Queue};
    /// use sluicegate::{criticality::Criticality, key};
    ///
    /// let permits = Local::builder(100)
    ///     .queue(Queue::new(50))
    ///     .reserve(Criticality::Critical, 0.2)
    ///     .build();
    /// let priority = Priority::header().principal(key::header("x-user"), Cohorts::random());
    /// let layer = ConcurrencyLayer::new(permits).priority(priority);
    /// # let _: axum::Router = axum::Router::new().layer(layer);
    /// ```
    pub fn priority<P2>(self, priority: P2) -> ConcurrencyLayer<L, K, P2, X, A> {
        let layer = self.with(|admission| {
            if admission.settings.has_default_cut_off {
                admission.shedder = Some(Arc::new(Shedder::new(CutOff::new())));
            }
        });
        layer.map(|(key, _, exempt, answer)| (key, priority, exempt, answer))
    }

    /// Sets when the layer moves the cut-off of its limiter, or that it does not
    /// (`None`). The default is [`CutOff::new`] with a
    /// [priority](Self::priority) and without a [key](Self::key), and none
    /// otherwise.
    ///
    /// With keys, there is one cut-off for all of them, so that one key in an
    /// overload sheds the requests of others. Of several layers around one
    /// limiter, let only one move it, or clone one layer.
    pub fn cut_off(self, cut_off: impl Into<Option<CutOff>>) -> Self {
        let shedder = cut_off
            .into()
            .map(|cut_off| Arc::new(Shedder::new(cut_off)));
        self.with(|admission| {
            admission.shedder = shedder;
            admission.settings.has_default_cut_off = false;
        })
    }

    /// Sets which requests pass without a permit, such as health checks.
    ///
    /// ```
    /// use http::Request;
    /// use sluicegate::concurrency::{ConcurrencyLayer, Local};
    ///
    /// let layer = ConcurrencyLayer::new(Local::new(100))
    ///     .exempt(|req: &Request<()>| req.uri().path() == "/healthz");
    /// # let _ = layer;
    /// ```
    pub fn exempt<Req, F: Fn(&Req) -> bool>(self, exempt: F) -> ConcurrencyLayer<L, K, P, F, A> {
        self.map(|(key, priority, _, answer)| (key, priority, exempt, answer))
    }

    /// Lets requests without a key pass, without a permit. By default they are
    /// refused with 400, or with 500 if the key is the client's address and the
    /// transport does not provide it.
    pub fn pass_without_key(self) -> Self {
        self.with_settings(|settings| settings.pass_without_key = true)
    }

    /// Turns shadow mode on or off: decide, but let every request pass at once.
    /// Use it to try a limit out on real traffic.
    ///
    /// No request waits in shadow mode, so one that would have waited passes
    /// without a permit.
    pub fn shadow(self, shadow: bool) -> Self {
        self.with_settings(|settings| settings.shadow = shadow)
    }

    /// Gives permits back with the head of a response, and not with the end of
    /// its body. For bodies that cost the service nothing, such as those of
    /// another server that it passes on.
    pub fn release_at_head(self) -> Self {
        self.with_settings(|settings| settings.release_at_head = true)
    }

    /// Lets connections that change their protocol, such as WebSockets, keep
    /// their permits: responses of status 101, and successes of `CONNECT`. The
    /// handler holds the permit by an
    /// [`UpgradeGuard`](crate::concurrency::UpgradeGuard). By default such a
    /// permit goes back with the head of the response.
    pub fn count_upgrades(self) -> Self {
        self.with_settings(|settings| settings.count_upgrades = true)
    }

    /// Tells callers that they are over a limit of their own if they get no
    /// permit: with 429, or for gRPC with 8 `RESOURCE_EXHAUSTED`. By default the
    /// server is the one that has no more to give, with 503 or 14
    /// `UNAVAILABLE`.
    ///
    /// Use it for a limit that each [key](Self::key) has for itself, such as 10
    /// requests at a time for each tenant, and that says nothing about the load of
    /// the server. Clients then slow down, instead of trying another instance
    /// or taking the server for unhealthy.
    ///
    /// | | default | limit of the caller |
    /// |---|---|---|
    /// | [`Reason`](crate::refusal::Reason) | `Overloaded` | `OverLimit` |
    /// | [outcome](crate::red::Outcome), `error_type` | `shed`, `unavailable` | `client_error`, `over_limit` |
    /// | an adaptive limit around it | learns of an overload | learns nothing |
    /// | the layer's own [cut-off](Self::cut_off) | moves by refusals and waits | does not move by them |
    ///
    /// A refusal by the cut-off stays one of the server, and a deadline that
    /// passed in the queue one of the deadline. When the limit is one of
    /// `Redis`, a refusal because Redis does not answer is a 429 as well, unless
    /// the policy for an outage is open.
    ///
    /// ```
    /// use sluicegate::{concurrency::{ConcurrencyLayer, Local}, key};
    ///
    /// // 10 at a time for each tenant, and 200 in all.
    /// let of_tenants = ConcurrencyLayer::new(Local::keyed(10))
    ///     .key(key::header("x-tenant"))
    ///     .limit_of_caller();
    /// let of_all = ConcurrencyLayer::new(Local::new(200));
    /// # let _ = (of_tenants, of_all);
    /// ```
    pub fn limit_of_caller(self) -> Self {
        self.with_settings(|settings| settings.limit_of_caller = true)
    }

    /// Sets when clients try a request again that was refused. Each is told a
    /// time of its own between 0.8 and 1.2 times of this, so that they do not
    /// come back together. The default is a second, and `Retry-After` counts
    /// whole seconds, rounded up.
    ///
    /// # Panics
    ///
    /// If it is zero, or longer than a day.
    #[track_caller]
    pub fn retry_after(self, retry: Duration) -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        let retry = valid(match retry.is_zero() || retry > DAY {
            true => Err(InvalidSetting::new(
                "retry_after",
                format_args!("{retry:?}"),
                "above 0 and at most 1 day",
            )),
            false => Ok(retry),
        });
        self.with_settings(|settings| settings.retry_after = retry)
    }

    /// Sets for which refusals clients must not try again, because the other
    /// instances are overloaded as well. By default they may.
    ///
    /// Then the response has no `Retry-After`, but `x-sluicegate-retry: no`,
    /// and for gRPC `grpc-retry-pushback-ms: -1`. The clients of this crate, and
    /// those of gRPC, obey.
    ///
    /// ```
    /// use sluicegate::concurrency::{ConcurrencyLayer, Local};
    ///
    /// // A limit of the fleet: another instance has no permits either.
    /// let layer = ConcurrencyLayer::new(Local::new(500)).forbid_retry(|shed| !shed.is_of_deadline());
    /// # let _ = layer;
    /// ```
    pub fn forbid_retry(self, forbid: impl Fn(Shed) -> bool + Send + Sync + 'static) -> Self {
        self.with_settings(|settings| settings.forbid_retry = Some(Arc::new(forbid)))
    }

    /// Notifies this observer of every decision. A second call replaces the
    /// first observer.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sluicegate::concurrency::{ConcurrencyLayer, Counts, Local};
    ///
    /// let counts = Arc::new(Counts::default());
    /// let layer = ConcurrencyLayer::new(Local::new(100)).shadow(true).observe(counts.clone());
    /// # let _ = layer;
    /// // After a day of traffic: how many requests would have been refused.
    /// println!("{:?}", counts.snapshot());
    /// ```
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        self.with_settings(|settings| settings.observer = Some(observer))
    }

    /// Replaces the random bits of the jitter, for tests.
    pub fn random(self, random: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.with_settings(|settings| settings.random = RandomBits::of(random))
    }

    /// Sets how requests are refused: any [`Refuse`](crate::refusal::Refuse),
    /// such as an [`Answer`] without a body.
    pub fn refuse_with<A2>(self, answer: A2) -> ConcurrencyLayer<L, K, P, X, A2> {
        self.map(|(key, priority, exempt, _)| (key, priority, exempt, answer))
    }

    /// Changes a part that is in the type.
    fn map<K2, P2, X2, A2>(
        self,
        map: impl FnOnce((K, P, X, A)) -> (K2, P2, X2, A2),
    ) -> ConcurrencyLayer<L, K2, P2, X2, A2> {
        let parts = Arc::unwrap_or_clone(self.admission);
        let types = (parts.key, parts.priority, parts.exempt, parts.answer);
        let (key, priority, exempt, answer) = map(types);
        let admission = ConcurrencyAdmission {
            permits: parts.permits,
            key,
            priority,
            exempt,
            answer,
            settings: parts.settings,
            shedder: parts.shedder,
        };
        ConcurrencyLayer {
            admission: Arc::new(admission),
        }
    }

    /// Changes a part that is not in the type.
    fn with(mut self, set: impl FnOnce(&mut ConcurrencyAdmission<L, K, P, X, A>)) -> Self {
        // Clones the admission if a service or another layer has it. The
        // limiter stays shared.
        set(Arc::make_mut(&mut self.admission));
        self
    }

    fn with_settings(self, set: impl FnOnce(&mut ConcurrencySettings)) -> Self {
        self.with(|admission| set(&mut admission.settings))
    }
}

impl<L, K, P, X, A> Clone for ConcurrencyLayer<L, K, P, X, A> {
    fn clone(&self) -> Self {
        Self {
            admission: self.admission.clone(),
        }
    }
}

impl<S, L, K, P, X, A> Layer<S> for ConcurrencyLayer<L, K, P, X, A> {
    type Service = Concurrency<S, L, K, P, X, A>;

    fn layer(&self, inner: S) -> Self::Service {
        Concurrency::new(inner, self.admission.clone())
    }
}

impl<L: fmt::Debug, K: fmt::Debug, P: fmt::Debug, X, A: fmt::Debug> fmt::Debug
    for ConcurrencyLayer<L, K, P, X, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLayer")
            .field("admission", &self.admission)
            .finish()
    }
}
