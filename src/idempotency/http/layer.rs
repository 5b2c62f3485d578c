use std::{fmt, sync::Arc};

use http::{HeaderName, Method, Request, request::Parts};
use tower_layer::Layer;

use super::{
    body::budget::Budget,
    executor::Works,
    request::{
        compare::{CanonicalJson, Own},
        key_extractor::Gate,
        principal::{ByKey, GlobalScope, Scoped, Unscoped},
        required::Always,
    },
    retention::replay::is_never,
    service::Idempotency,
    settings::{Route, Terms},
};
use crate::idempotency::{
    claimant::Claimant, fingerprint::Fingerprint, key::KeyForm, observe::Observe, runner::OnError,
    store::Store, tracker::Tracker, waiting::Waiting,
};
use crate::{key::Or, refusal::Answer};

/// Does the work of requests with the same idempotency key once.
///
/// It is no layer until it was said whose keys they are: by
/// [`principal`](Self::principal), or by [`global_scope`](Self::global_scope). Who
/// forgets it has a program that does not compile, and not one that shows a client
/// the answer of another:
///
/// ```compile_fail,E0277
/// use sluicegate::idempotency::{IdempotencyLayer, Local};
/// use tower::Layer;
///
/// let layer = IdempotencyLayer::new(Local::new());
/// layer.layer(axum::Router::<()>::new());
/// ```
///
/// The store is a handle that the layer holds. Neither [`layer`](Layer::layer) nor a
/// clone makes new state, so a request is done once for all routes, connections
/// and clones together. See the [module docs](crate::idempotency#the-layer) for how it decides,
/// and how to use it.
#[derive(Clone)]
#[must_use]
pub struct IdempotencyLayer<S, W = Unscoped, Q = (), X = (), A = Answer> {
    works: Works<S>,
    whose: W,
    required: Q,
    exempt: X,
    pub(super) answer: A,
}

impl<S: Store> IdempotencyLayer<S> {
    /// Keeps records in this store, with the settings of [`Claimant::new`].
    pub fn new(store: S) -> Self {
        Self::over(Claimant::new(store))
    }

    /// Claims work so: with other leases, other times to keep records, or
    /// [`Takeover::Refuse`](crate::idempotency::Takeover).
    pub fn over(claimant: Claimant<S>) -> Self {
        let terms = Terms::new();
        Self {
            works: Works { claimant, terms },
            whose: Unscoped,
            required: (),
            exempt: (),
            answer: Answer::new(),
        }
    }
}

impl<S, W, Q, X, A> IdempotencyLayer<S, W, Q, X, A> {
    /// Whose key a request has: any [`Key`](crate::key::Key) that can be
    /// [written](crate::key::StoreKey), such as the user that a layer further out has
    /// found. The same key of another is another key. A request with a key of
    /// which this finds nothing is refused: 401, or status 16 for gRPC.
    ///
    /// It must be what the client cannot make up: a client that can choose its
    /// principal can read other clients' responses.
    ///
    /// A type of your own is written in two lines, in process as well, because two
    /// keys may share a hash, and a name must be one client's:
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
        self.whose(|_| ByKey(key))
    }

    /// Has the keys of all clients in one scope: who sends the key and the request
    /// of another is given his answer. For a service with one client, or whose keys
    /// nobody can guess or see.
    pub fn global_scope(self) -> IdempotencyLayer<S, GlobalScope, Q, X, A> {
        self.whose(|_| GlobalScope)
    }

    /// Which requests need a key, of those with one of the
    /// [methods](Self::methods). Unless set, those without a key pass.
    pub fn require<B, F: Fn(&Request<B>) -> bool>(
        self,
        required: F,
    ) -> IdempotencyLayer<S, W, F, X, A> {
        self.requiring(required)
    }

    /// All requests need a key that have one of the [methods](Self::methods).
    pub fn require_all(self) -> IdempotencyLayer<S, W, Always, X, A> {
        self.requiring(Always)
    }

    /// Which requests have nothing to do with keys, though they have one: streams
    /// of gRPC, uploads.
    pub fn exempt<B, F: Fn(&Request<B>) -> bool>(
        self,
        exempt: F,
    ) -> IdempotencyLayer<S, W, Q, F, A> {
        IdempotencyLayer {
            works: self.works,
            whose: self.whose,
            required: self.required,
            exempt,
            answer: self.answer,
        }
    }

    /// How a refusal is told: any [`Refuse`](crate::refusal::Refuse), such as
    /// an [`Answer`] with a `Link`, or [`AsError`](crate::refusal::AsError).
    ///
    /// It is shown the request without its body; once the request has gone to a
    /// store, all that is left of it is the content type.
    pub fn refuse_with<A2>(self, answer: A2) -> IdempotencyLayer<S, W, Q, X, A2> {
        IdempotencyLayer {
            works: self.works,
            whose: self.whose,
            required: self.required,
            exempt: self.exempt,
            answer,
        }
    }

    /// Sets this service's records apart from those of others in the same store.
    /// `http` unless set.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        self.with(|terms| terms.namespace = namespace.into())
    }

    /// Which methods may have a key: `POST` and `PATCH` unless set. Requests with
    /// others pass, whatever they send.
    pub fn methods(self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.with(|terms| terms.methods = methods.into_iter().collect())
    }

    /// Which header has the key: `idempotency-key` unless set.
    pub fn header(self, name: HeaderName) -> Self {
        self.with(|terms| terms.header = name)
    }

    /// What a key has to look like.
    pub fn form(self, form: KeyForm) -> Self {
        self.with(|terms| terms.form = form)
    }

    /// On which route a request is, for the same key on another route or with
    /// another method is another key. Unless set, it is what axum has matched (with
    /// the feature `axum`), or else the path.
    pub fn route(self, route: impl Fn(&Parts) -> String + Send + Sync + 'static) -> Self {
        self.with(|terms| {
            terms.by_route = true;
            terms.route = Some(Route(Arc::new(route)));
        })
    }

    /// The same key means the same request on all routes, and with all methods:
    /// used on another, it is refused as [used for another
    /// request](crate::refusal::Reason::ReusedIdempotencyKey).
    pub fn one_scope_for_all_routes(self) -> Self {
        self.with(|terms| terms.by_route = false)
    }

    /// How large the body of a request with a key may be: 1 MiB unless set. It is
    /// kept in memory until its end has come, and all together take no more than
    /// [`max_body_memory`](Self::max_body_memory). Larger ones are refused: 413, or
    /// status 8 for gRPC.
    pub fn max_request_body(self, bytes: usize) -> Self {
        self.with(|terms| terms.max_request_body = bytes)
    }

    /// Of how large a body of a response is kept: 1 MiB unless set. Of a larger one
    /// it is kept that there was one: the client gets all of it, and who asks again
    /// is refused as [not retained](crate::refusal::Reason::NotRetained).
    pub fn max_response_body(self, bytes: usize) -> Self {
        self.with(|terms| terms.max_response_body = bytes)
    }

    /// How many bytes of bodies all requests of this layer and its clones may take at
    /// once: 64 MiB unless set. What counts is what is being read of requests with a
    /// key, until the handler has it, and what clients have yet to read of answers
    /// that are kept while they are streamed. A request that is beyond it is refused:
    /// 503, or status 14 for gRPC, with a time. A body larger than all of it is [too
    /// large](Self::max_request_body).
    ///
    /// An answer that has begun is not refused: beyond it, the answer is kept without
    /// its body, and is read as fast as its client reads, 16 frames ahead.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn max_body_memory(self, bytes: usize) -> Self {
        assert!(
            bytes > 0,
            "invalid `max_body_memory` 0: must be at least 1 byte"
        );
        self.with(|terms| terms.budget = Budget::of(bytes))
    }

    /// Headers in which two requests with the same key may not differ, beside the
    /// essence of their content type.
    pub fn compare_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(|terms| terms.compared.extend(names))
    }

    /// What a request is, for a service that knows better than to compare all of it: two
    /// requests with the same key are the same if this makes the same of them, whatever
    /// else differs. Method, path, query and content type count only if it adds them. The
    /// body is empty if [it is not compared](Self::compare_heads_only).
    ///
    /// ```
    /// use sluicegate::idempotency::{Fingerprint, IdempotencyLayer, Local};
    ///
    /// let layer = IdempotencyLayer::new(Local::new()).fingerprint(|head, body| {
    ///     let order = head.headers.get("x-order");
    ///     Fingerprint::builder().part(head.uri.path()).optional(order).part(body).finish()
    /// });
    /// # let _ = layer;
    /// ```
    pub fn fingerprint(
        self,
        fingerprint: impl Fn(&Parts, &[u8]) -> Fingerprint + Send + Sync + 'static,
    ) -> Self {
        self.with(|terms| terms.comparing.own = Some(Own(Arc::new(fingerprint))))
    }

    /// Compares bodies of `application/json`, and of types that end with `+json`, by what
    /// they mean, or by fields that are chosen. A body without a [canonical
    /// form](CanonicalJson::canonical) is compared byte for byte.
    ///
    /// ```
    /// use sluicegate::idempotency::{CanonicalJson, IdempotencyLayer, Local};
    ///
    /// let json = CanonicalJson::new().without(["/sent_at"]);
    /// let layer = IdempotencyLayer::new(Local::new()).compare_json(json);
    /// # let _ = layer;
    /// ```
    pub fn compare_json(self, json: CanonicalJson) -> Self {
        self.with(|terms| terms.comparing.json = Some(json))
    }

    /// Compares bodies of `multipart/form-data` and the like by their parts: the headers
    /// of each and its content, in their order. The boundary, which clients make up anew
    /// for each attempt, does not count. A body that is malformed is compared byte for
    /// byte.
    pub fn compare_multipart(self) -> Self {
        self.with(|terms| terms.comparing.multipart = true)
    }

    /// Compares requests without their bodies, which go to the handler as they
    /// come, whatever their size: for uploads.
    ///
    /// Two requests that differ only in their body are then the same, and the
    /// second one is given the answer of the first. Where a layer further out
    /// verifies `Content-Digest` (RFC 9530), [compare](Self::compare_headers) that.
    pub fn compare_heads_only(self) -> Self {
        self.with(|terms| terms.compares_body = false)
    }

    /// Keeps 401 and 403 too, and statuses 7 and 16 of gRPC. Unless set, whoever was
    /// denied may come again with the same key and other credentials.
    pub fn keep_denials(self) -> Self {
        self.with(|terms| terms.keeping.denials = true)
    }

    /// Keeps no status from 500 on, nor 13 of gRPC: the work is done again after
    /// such an answer. 502 to 504 and 14 stay as [they are](crate::idempotency#what-is-kept).
    pub fn retry_server_errors(self) -> Self {
        self.with(|terms| terms.keeping.no_server_errors = true)
    }

    /// What becomes of work when the inner service fails with an error, and not with
    /// a response: [`OnError::Lapse`] unless set. What this crate refused
    /// before it was begun is released all the same.
    pub fn on_error(self, on_error: OnError) -> Self {
        self.with(|terms| terms.on_error = on_error)
    }

    /// Which headers of a response are kept, beside the [usual](crate::idempotency#replays)
    /// ones.
    ///
    /// # Panics
    ///
    /// When one is never to be given to another client, such as `set-cookie`.
    #[track_caller]
    pub fn replay_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let names: Vec<HeaderName> = names.into_iter().collect();
        for name in &names {
            assert!(
                !is_never(name),
                "invalid header to replay {name}: must be one that other clients may see"
            );
        }
        self.with(|terms| terms.replaying.more.extend(names))
    }

    /// Which header says `true` in answers that are replayed:
    /// `idempotency-replayed` unless set.
    pub fn replayed_header(self, name: HeaderName) -> Self {
        self.with(|terms| terms.replaying.mark = name)
    }

    /// Lets requests with a key pass when the store has no answer, as if they had
    /// none: they may be done twice. Unless set, they are refused: 503, or status
    /// 14 for gRPC. A request whose record is there and cannot be read (garbage, a
    /// value of another type, a later version's layout) is refused in either case,
    /// because its work may have been done.
    pub fn fail_open(self) -> Self {
        self.with(|terms| terms.fails_open = true)
    }

    /// Lets duplicates wait for the first one to end. Unless set, they are refused
    /// and told when to come again.
    ///
    /// Who waits keeps what its readiness has reserved in the inner service.
    pub fn wait(self, waiting: Waiting) -> Self {
        self.with(|terms| terms.waiting = Some(waiting))
    }

    /// Who is told what becomes of requests with a key.
    pub fn observe(mut self, observer: Arc<dyn Observe>) -> Self {
        self.works.claimant = self.works.claimant.observe(observer);
        self
    }

    /// What is still to be done, whether its clients are there or not; await its
    /// [`drain`](Tracker::drain) when the server has stopped, before the process
    /// ends.
    pub fn tracker(&self) -> &Tracker {
        self.works.claimant.tracker()
    }

    fn with(mut self, set: impl FnOnce(&mut Terms)) -> Self {
        set(&mut self.works.terms);
        self
    }

    fn whose<W2>(self, whose: impl FnOnce(W) -> W2) -> IdempotencyLayer<S, W2, Q, X, A> {
        IdempotencyLayer {
            works: self.works,
            whose: whose(self.whose),
            required: self.required,
            exempt: self.exempt,
            answer: self.answer,
        }
    }

    fn requiring<Q2>(self, required: Q2) -> IdempotencyLayer<S, W, Q2, X, A> {
        IdempotencyLayer {
            works: self.works,
            whose: self.whose,
            required,
            exempt: self.exempt,
            answer: self.answer,
        }
    }
}

impl<S, K, Q, X, A> IdempotencyLayer<S, ByKey<K>, Q, X, A> {
    /// Whose the key of a request is that has no [principal](Self::principal):
    /// [`ClientIp`](crate::key::ClientIp) keeps anonymous clients apart, and
    /// [`Global`](crate::key::Global) has them all in one scope. It is never that of
    /// somebody with a principal.
    pub fn anonymous<K2>(self, key: K2) -> IdempotencyLayer<S, ByKey<Or<K, K2>>, Q, X, A> {
        self.whose(|whose| whose.or(key))
    }
}

impl<I, S, W, Q, X, A> Layer<I> for IdempotencyLayer<S, W, Q, X, A>
where
    S: Store,
    W: Scoped + Clone,
    Q: Clone,
    X: Clone,
    A: Clone,
{
    type Service = Idempotency<I, S, W, Q, X, A>;

    fn layer(&self, inner: I) -> Self::Service {
        let gate = Gate {
            works: Arc::new(self.works.clone()),
            whose: self.whose.clone(),
            required: self.required.clone(),
            exempt: self.exempt.clone(),
        };
        Idempotency::new(inner, Arc::new(gate), self.answer.clone())
    }
}

impl<S: fmt::Debug, W, Q, X, A: fmt::Debug> fmt::Debug for IdempotencyLayer<S, W, Q, X, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyLayer")
            .field("works", &self.works)
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}
