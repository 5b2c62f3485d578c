use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{
    admission::{Gate, Terms},
    service::RateLimit,
};
use crate::{
    key::{Global, PeerWarning},
    limit::{limiter::Wait, observe::Observe, rules::quota::Cost, warn_log::Log},
    refusal::{Answer, Headers, NoText},
};

/// Puts a limiter in front of a service.
///
/// The limiter is a handle that the layer holds. Neither
/// [`layer`](Layer::layer) nor a clone makes new state, so a limit of 5 is 5
/// for all routes, connections and clones together. See the [module
/// docs](super) for how to use it.
///
/// Unless told otherwise it has one budget for all requests, each of which
/// costs 1; what is over the limit is refused at once by an [`Answer`], and
/// what has no key is refused too.
#[derive(Clone)]
#[must_use]
pub struct RateLimitLayer<L, K = Global, C = (), X = (), A = Answer> {
    gate: Gate<L, K, C, X>,
    answer: A,
}

impl<L> RateLimitLayer<L> {
    /// A layer over any limiter.
    pub fn new(limiter: L) -> Self {
        let terms = Terms {
            wait: Wait::none(),
            pass_without_key: false,
            shadow: false,
            log: Log::new(),
            peer_warning: PeerWarning::default(),
            observer: None,
        };
        let gate = Gate {
            limiter,
            key: Global,
            cost: (),
            exempt: (),
            terms,
        };
        let answer = Answer::new();
        Self { gate, answer }
    }
}

impl<L> RateLimitLayer<L, Global, (), (), Answer<NoText>> {
    /// A layer that paces calls to a partner who has limits: around a client
    /// instead of a server. The partner's responses come back as they are, without
    /// quota headers of this limit, and a call that is refused here has an answer
    /// without a body.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::limit::{LeakyBucket, Local, Wait, Quota, RateLimitLayer};
    ///
    /// // The partner allows 10 calls a second. Calls wait for their turn, up to a second.
    /// let limiter = Local::direct(LeakyBucket::new(Quota::per_second(10).burst(10)));
    /// let layer = RateLimitLayer::client(limiter).wait(Wait::up_to(Duration::from_secs(1)));
    /// # let _ = layer;
    /// ```
    pub fn client(limiter: L) -> Self {
        let answer = Answer::new().headers(Headers::None).without_body();
        RateLimitLayer::new(limiter).refuse_with(answer)
    }
}

impl<L, K, C, X, A> RateLimitLayer<L, K, C, X, A> {
    /// Whose budget a request draws on: any [`Key`](crate::key::Key).
    pub fn key<K2>(self, key: K2) -> RateLimitLayer<L, K2, C, X, A> {
        let Self { gate, answer } = self;
        let gate = Gate {
            key,
            limiter: gate.limiter,
            cost: gate.cost,
            exempt: gate.exempt,
            terms: gate.terms,
        };
        RateLimitLayer { gate, answer }
    }

    /// What a request costs: 1 unless set.
    pub fn cost<Req, F: Fn(&Req) -> Cost>(self, cost: F) -> RateLimitLayer<L, K, F, X, A> {
        let Self { gate, answer } = self;
        let gate = Gate {
            cost,
            limiter: gate.limiter,
            key: gate.key,
            exempt: gate.exempt,
            terms: gate.terms,
        };
        RateLimitLayer { gate, answer }
    }

    /// Which requests pass unasked, such as health checks.
    pub fn exempt<Req, F: Fn(&Req) -> bool>(self, exempt: F) -> RateLimitLayer<L, K, C, F, A> {
        let Self { gate, answer } = self;
        let gate = Gate {
            exempt,
            limiter: gate.limiter,
            key: gate.key,
            cost: gate.cost,
            terms: gate.terms,
        };
        RateLimitLayer { gate, answer }
    }

    /// How a refusal is told: any [`Refuse`](crate::refusal::Refuse), such as
    /// an [`Answer`] with other headers, or
    /// [`AsError`](crate::refusal::AsError) where the service is no HTTP.
    pub fn refuse_with<A2>(self, answer: A2) -> RateLimitLayer<L, K, C, X, A2> {
        RateLimitLayer {
            gate: self.gate,
            answer,
        }
    }

    /// Lets requests wait for their turn instead of refusing them, within the
    /// bounds of `wait`; a [`Duration`](std::time::Duration) alone is the
    /// longest wait. Unless set it is [`Wait::none`]: requests wait in a leaky
    /// bucket, and nowhere else.
    pub fn wait(self, wait: impl Into<Wait>) -> Self {
        let wait = wait.into();
        self.with(|terms| terms.wait = wait)
    }

    /// Lets requests pass that have no key, instead of refusing them with 400, or
    /// with 500 where the key is the client's address and the transport has not
    /// told it.
    pub fn pass_without_key(self) -> Self {
        self.with(|terms| terms.pass_without_key = true)
    }

    /// Shadow mode: decides, records and logs, but lets all pass, at once and
    /// unmarked. For trying a limit out on real traffic. Nobody waits, so what
    /// would have waited by [`wait`](Self::wait) is recorded as denied.
    pub fn shadow(self, shadow: bool) -> Self {
        self.with(|terms| terms.shadow = shadow)
    }

    /// Who is told of every decision.
    pub fn observe(self, observer: Arc<dyn Observe>) -> Self {
        self.with(|terms| terms.observer = Some(observer))
    }

    /// Writes keys in full into the events about refusals. Off unless set: a
    /// key may be a person's address, or a secret.
    pub fn log_keys(self) -> Self {
        self.with(|terms| terms.log.write_keys())
    }

    fn with(mut self, set: impl FnOnce(&mut Terms)) -> Self {
        set(&mut self.gate.terms);
        self
    }
}

impl<S, L, K, C, X, A> Layer<S> for RateLimitLayer<L, K, C, X, A>
where
    L: Clone,
    K: Clone,
    C: Clone,
    X: Clone,
    A: Clone,
{
    type Service = RateLimit<S, L, K, C, X, A>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimit::new(inner, Arc::new(self.gate.clone()), self.answer.clone())
    }
}

impl<L: fmt::Debug, K: fmt::Debug, C, X, A: fmt::Debug> fmt::Debug
    for RateLimitLayer<L, K, C, X, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer")
            .field("gate", &self.gate)
            .field("answer", &self.answer)
            .finish()
    }
}
