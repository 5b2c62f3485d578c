//! The layer, and the settings that are types: how keys are scoped, which
//! requests need a key or are exempt, and how refusals are answered.
//! `configure` has the others.

use std::{fmt, sync::Arc};

use http::Request;
use tower_layer::Layer;

use super::{
    executor::Executor,
    request::{
        key_extractor::{Always, KeyExtractor},
        principal::{ByKey, GlobalScope, Scoped, Unscoped},
    },
    service::Idempotency,
    settings::HttpSettings,
};
use crate::{
    idempotency::{claimant::Claimant, store::Store},
    key::Or,
    refusal::Answer,
};

/// Does the work of requests with the same idempotency key once.
///
/// It implements [`Layer`] only after [`principal`](Self::principal) or
/// [`global_scope`](Self::global_scope) was called. Without either, a program
/// does not compile, rather than show one client the response of another:
///
/// ```compile_fail,E0277
/// use sluicegate::idempotency::{IdempotencyLayer, Local};
/// use tower::Layer;
///
/// let layer = IdempotencyLayer::new(Local::new());
/// layer.layer(axum::Router::<()>::new());
/// ```
///
/// The layer holds a handle to the store. Neither [`layer`](Layer::layer) nor a
/// clone makes new state, so a request is done once for all routes, connections
/// and clones together. See the [module docs](crate::idempotency#the-layer) for
/// examples, and for how it decides.
#[derive(Clone)]
#[must_use]
pub struct IdempotencyLayer<S, W = Unscoped, Q = (), X = (), A = Answer> {
    /// Shared with the services. A router makes or clones one for each request.
    pub(super) extractor: Arc<KeyExtractor<S, W, Q, X>>,
    pub(super) answer: A,
}

impl<S: Store> IdempotencyLayer<S> {
    /// Keeps records in this store, with the settings of [`Claimant::new`].
    pub fn new(store: S) -> Self {
        Self::over(Claimant::new(store))
    }

    /// Claims work with this claimant, to set how long leases last, how long
    /// records are kept, or [`Takeover::Refuse`](crate::idempotency::Takeover).
    pub fn over(claimant: Claimant<S>) -> Self {
        let settings = HttpSettings::new();
        let extractor = KeyExtractor {
            executor: Arc::new(Executor { claimant, settings }),
            principal: Unscoped,
            required: (),
            exempt: (),
        };
        Self {
            extractor: Arc::new(extractor),
            answer: Answer::new(),
        }
    }
}

impl<S: Clone, W: Clone, Q: Clone, X: Clone, A> IdempotencyLayer<S, W, Q, X, A> {
    /// Scopes keys by client: the same key of another client is another key. It
    /// takes any [`Key`](crate::key::Key) that can be
    /// [written](crate::key::StoreKey), such as the user that a layer further
    /// out has authenticated. If a request with a key has no principal, it is
    /// refused: 401, or status 16 for gRPC.
    ///
    /// Use something that a client cannot choose: a client that can choose its
    /// principal can read other clients' responses.
    ///
    /// A type of your own needs two lines, in process as well, because two keys
    /// may share a hash and a name must belong to one client:
    ///
    /// ```
    /// use sluicegate::{idempotency::{IdempotencyLayer, Local}, key::{self, EncodedKey, StoreKey}};
    ///
    /// #[derive(Clone, Debug, Hash)]
    /// struct UserId(String);
    ///
    /// impl StoreKey for UserId {
    ///     fn encode(&self, out: &mut EncodedKey) { self.0.encode(out) }
    /// }
    ///
    /// let layer = IdempotencyLayer::new(Local::new()).principal(key::extension::<UserId>());
    /// # let _ = layer;
    /// ```
    pub fn principal<K>(self, key: K) -> IdempotencyLayer<S, ByKey<K>, Q, X, A> {
        self.scoped(|_| ByKey(key))
    }

    /// Puts the keys of all clients into one scope: a client that sends another
    /// client's key and request gets that client's response. Use it for a
    /// service with one client, or if keys can be neither guessed nor seen.
    pub fn global_scope(self) -> IdempotencyLayer<S, GlobalScope, Q, X, A> {
        self.scoped(|_| GlobalScope)
    }

    /// Sets which requests need a key, of those with one of the
    /// [methods](Self::methods). Unless set, requests without a key pass.
    pub fn require<B, F: Fn(&Request<B>) -> bool>(
        self,
        required: F,
    ) -> IdempotencyLayer<S, W, F, X, A> {
        self.requiring(required)
    }

    /// Requires a key of all requests with one of the [methods](Self::methods).
    pub fn require_all(self) -> IdempotencyLayer<S, W, Always, X, A> {
        self.requiring(Always)
    }

    /// Sets which requests pass although they have a key: streams of gRPC,
    /// uploads.
    pub fn exempt<B, F: Fn(&Request<B>) -> bool>(
        self,
        exempt: F,
    ) -> IdempotencyLayer<S, W, Q, F, A> {
        self.map(|principal, required, _| (principal, required, exempt))
    }

    fn scoped<W2>(self, scope: impl FnOnce(W) -> W2) -> IdempotencyLayer<S, W2, Q, X, A> {
        self.map(|principal, required, exempt| (scope(principal), required, exempt))
    }

    fn requiring<Q2>(self, required: Q2) -> IdempotencyLayer<S, W, Q2, X, A> {
        self.map(|principal, _, exempt| (principal, required, exempt))
    }

    /// Replaces the settings that are types.
    fn map<W2, Q2, X2>(
        self,
        map: impl FnOnce(W, Q, X) -> (W2, Q2, X2),
    ) -> IdempotencyLayer<S, W2, Q2, X2, A> {
        let parts = Arc::unwrap_or_clone(self.extractor);
        let (principal, required, exempt) = map(parts.principal, parts.required, parts.exempt);
        let extractor = KeyExtractor {
            executor: parts.executor,
            principal,
            required,
            exempt,
        };
        IdempotencyLayer {
            extractor: Arc::new(extractor),
            answer: self.answer,
        }
    }
}

impl<S, W, Q, X, A> IdempotencyLayer<S, W, Q, X, A> {
    /// Sets how a refusal is answered: any [`Refuse`](crate::refusal::Refuse),
    /// such as an [`Answer`] with a `Link`, or
    /// [`AsError`](crate::refusal::AsError).
    ///
    /// It is given the request without its body. After the store was asked,
    /// only the content type is left of the request.
    pub fn refuse_with<A2>(self, answer: A2) -> IdempotencyLayer<S, W, Q, X, A2> {
        IdempotencyLayer {
            extractor: self.extractor,
            answer,
        }
    }
}

impl<S: Clone, K: Clone, Q: Clone, X: Clone, A> IdempotencyLayer<S, ByKey<K>, Q, X, A> {
    /// Scopes the keys of requests without a [principal](Self::principal):
    /// [`ClientIp`](crate::key::ClientIp) separates anonymous clients by
    /// address, and [`Global`](crate::key::Global) puts them into one scope. It
    /// never shares a scope with a client that has a principal.
    pub fn anonymous<K2>(self, key: K2) -> IdempotencyLayer<S, ByKey<Or<K, K2>>, Q, X, A> {
        self.scoped(|principal| principal.or(key))
    }
}

impl<I, S, W, Q, X, A> Layer<I> for IdempotencyLayer<S, W, Q, X, A>
where
    S: Store,
    W: Scoped,
    A: Clone,
{
    type Service = Idempotency<I, S, W, Q, X, A>;

    fn layer(&self, inner: I) -> Self::Service {
        Idempotency::new(inner, self.extractor.clone(), self.answer.clone())
    }
}

impl<S: fmt::Debug, W, Q, X, A: fmt::Debug> fmt::Debug for IdempotencyLayer<S, W, Q, X, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyLayer")
            .field("executor", &self.extractor.executor)
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}
