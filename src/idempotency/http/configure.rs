//! The settings of the layer that are values, and presets of them.

use std::sync::Arc;

use http::{HeaderName, Method, request::Parts};

use super::{
    body::budget::BodyBudget, executor::Executor, layer::IdempotencyLayer, request::CanonicalJson,
    retention::replay::is_never_kept, settings::HttpSettings,
};
use crate::{
    idempotency::{
        fingerprint::Fingerprint, key::KeyForm, observe::Observe, runner::OnError,
        tracker::Tracker, waiting::Waiting,
    },
    refusal::Answer,
};

impl<S: Clone, W: Clone, Q: Clone, X: Clone, A> IdempotencyLayer<S, W, Q, X, A> {
    /// Separates this service's records from those of other services in the
    /// same store: `http` unless set.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        self.with(|settings| settings.identity.namespace = namespace.into())
    }

    /// Sets which methods may have a key: `POST` and `PATCH` unless set.
    /// Requests with others pass, with or without a key.
    pub fn methods(self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.with(|settings| settings.methods = methods.into_iter().collect())
    }

    /// Sets the header that has the key: `idempotency-key` unless set.
    pub fn header(self, name: HeaderName) -> Self {
        self.with(|settings| settings.header = name)
    }

    /// Sets which keys are accepted.
    pub fn form(self, form: KeyForm) -> Self {
        self.with(|settings| settings.form = form)
    }

    /// Sets how the route of a request is found: the same key on another route,
    /// or with another method, is another key. Unless set, it is the route that
    /// axum has matched (with the feature `axum`), and the path otherwise.
    pub fn route(self, route: impl Fn(&Parts) -> String + Send + Sync + 'static) -> Self {
        self.with(|settings| {
            settings.identity.by_route = true;
            settings.identity.route = Some(Arc::new(route));
        })
    }

    /// Makes a key name the same request on all routes, and with all methods.
    /// If it is used on another, it is refused as [used for another
    /// request](crate::refusal::Reason::ReusedIdempotencyKey).
    pub fn one_scope_for_all_routes(self) -> Self {
        self.with(|settings| settings.identity.by_route = false)
    }

    /// Sets how large the body of a request with a key may be, in bytes: 1 MiB
    /// unless set. It is held in memory until its end has come; all bodies
    /// together take no more than [`max_body_memory`](Self::max_body_memory).
    /// Larger ones are refused: 413, or status 8 for gRPC.
    pub fn max_request_body(self, bytes: usize) -> Self {
        self.with(|settings| settings.max_request_body = bytes)
    }

    /// Sets up to which size the body of a response is kept, in bytes: 1 MiB
    /// unless set. Of a larger response, only the head is kept: the client gets
    /// all of it, and a retry is refused as [not
    /// retained](crate::refusal::Reason::NotRetained).
    pub fn max_response_body(self, bytes: usize) -> Self {
        self.with(|settings| settings.max_response_body = bytes)
    }

    /// Sets how many bytes of bodies this layer and its clones hold at once: 64
    /// MiB unless set. It counts what was read of requests with a key, until
    /// the handler has it, and what clients have yet to read of streamed
    /// responses that are kept.
    ///
    /// A request above it is refused: 503, or status 14 for gRPC, with the time
    /// to try again. A body that is larger than all of it is [too
    /// large](Self::max_request_body). A response that has begun is not
    /// refused: it is kept without its body, and read only 16 frames ahead of
    /// its client.
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
        self.with(|settings| settings.budget = BodyBudget::new(bytes))
    }

    /// Adds headers in which two requests with the same key must not differ,
    /// besides the essence of their content type.
    pub fn compare_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with(|settings| settings.identity.headers.extend(names))
    }

    /// Compares requests by a fingerprint of your own: two requests with the
    /// same key are the same if their fingerprints are, whatever else differs.
    /// Method, path, query and content type count only if you add them. The
    /// body is empty if it is [not compared](Self::compare_heads_only).
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
        self.with(|settings| settings.identity.fingerprint = Some(Arc::new(fingerprint)))
    }

    /// Compares bodies of `application/json`, and of types that end with
    /// `+json`, by their meaning, or by chosen fields. A body without a
    /// [canonical form](CanonicalJson::canonical) is compared byte for byte.
    ///
    /// ```
    /// use sluicegate::idempotency::{CanonicalJson, IdempotencyLayer, Local};
    ///
    /// let json = CanonicalJson::new().without(["/sent_at"]);
    /// let layer = IdempotencyLayer::new(Local::new()).compare_json(json);
    /// # let _ = layer;
    /// ```
    pub fn compare_json(self, json: CanonicalJson) -> Self {
        self.with(|settings| settings.identity.body.json = Some(json))
    }

    /// Compares bodies of `multipart/form-data` and similar types by their
    /// parts: the headers and the content of each, in order. The boundary,
    /// which clients make up for each attempt, does not count. A malformed body
    /// is compared byte for byte.
    pub fn compare_multipart(self) -> Self {
        self.with(|settings| settings.identity.body.multipart = true)
    }

    /// Compares requests without their bodies, which then go to the handler as
    /// they come, whatever their size. Use it for uploads.
    ///
    /// Two requests that differ only in their body count as the same: the
    /// second one gets the response of the first. If a layer further out
    /// verifies `Content-Digest` (RFC 9530), [compare](Self::compare_headers)
    /// that header.
    pub fn compare_heads_only(self) -> Self {
        self.with(|settings| settings.identity.compares_body = false)
    }

    /// Keeps 401 and 403 too, and statuses 7 and 16 of gRPC. Unless set, a
    /// client that was denied may retry with the same key and other
    /// credentials.
    pub fn keep_denials(self) -> Self {
        self.with(|settings| settings.retention.keep_denials = true)
    }

    /// Does the work again after a status of 500 or above, or 13 of gRPC. 502
    /// to 504 and 14 stay as [they are](crate::idempotency#what-is-kept).
    pub fn retry_server_errors(self) -> Self {
        self.with(|settings| settings.retention.retry_server_errors = true)
    }

    /// Sets what becomes of work if the inner service fails with an error
    /// instead of a response: [`OnError::Lapse`] unless set. A refusal by a
    /// layer of this crate before the work releases it in any case.
    pub fn on_error(self, on_error: OnError) -> Self {
        self.with(|settings| settings.on_error = on_error)
    }

    /// Adds headers of a response that are kept, besides the
    /// [usual](crate::idempotency#replays) ones.
    ///
    /// # Panics
    ///
    /// When one must never be given to another client, such as `set-cookie`.
    #[track_caller]
    pub fn replay_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let names: Vec<HeaderName> = names.into_iter().collect();
        for name in &names {
            assert!(
                !is_never_kept(name),
                "invalid header to replay {name}: must be one that other clients may see"
            );
        }
        self.with(|settings| settings.replay.extra_headers.extend(names))
    }

    /// Sets the header that says `true` in replayed responses:
    /// `idempotency-replayed` unless set.
    pub fn replayed_header(self, name: HeaderName) -> Self {
        self.with(|settings| settings.replay.replayed_header = name)
    }

    /// Lets requests with a key pass if the store fails, as if they had none:
    /// their work may be done twice. Unless set, they are refused: 503, or
    /// status 14 for gRPC.
    ///
    /// If there is a record that cannot be read (garbage, a value of another
    /// type, the layout of a later version), the request is refused in either
    /// case, because its work may have been done.
    pub fn fail_open(self) -> Self {
        self.with(|settings| settings.fails_open = true)
    }

    /// Lets duplicates wait for the first request to end. Unless set, they are
    /// refused and told when to try again.
    ///
    /// A request that waits keeps what its readiness has reserved in the inner
    /// service.
    pub fn wait(self, waiting: Waiting) -> Self {
        self.with(|settings| settings.waiting = Some(waiting))
    }

    /// Sets the observer of events.
    pub fn observe(mut self, observer: Arc<dyn Observe>) -> Self {
        let executor = self.executor_mut();
        executor.claimant = executor.claimant.clone().observe(observer);
        self
    }

    /// Returns the tracker of work that goes on in the background. Await its
    /// [`drain`](Tracker::drain) after the server has stopped and before the
    /// process ends.
    pub fn tracker(&self) -> &Tracker {
        self.extractor.executor.claimant.tracker()
    }

    /// Follows draft-ietf-httpapi-idempotency-key-header-07: a key is a string
    /// in double quotes, and names one request on all routes. The service
    /// decides which requests [need](Self::require_all) a key.
    pub fn ietf(self) -> Self {
        let form = KeyForm::new().strict();
        self.form(form).one_scope_for_all_routes()
    }

    fn with(mut self, set: impl FnOnce(&mut HttpSettings)) -> Self {
        set(&mut self.executor_mut().settings);
        self
    }

    /// Clones the executor if a service or another layer has it. The tracker
    /// and the memory for bodies stay shared.
    fn executor_mut(&mut self) -> &mut Executor<S> {
        let extractor = Arc::make_mut(&mut self.extractor);
        Arc::make_mut(&mut extractor.executor)
    }
}

impl<S: Clone, W: Clone, Q: Clone, X: Clone> IdempotencyLayer<S, W, Q, X, Answer> {
    /// Behaves as clients of Stripe know it: only `POST` has keys, which may be
    /// bare and name one request on all routes. A key that is used for another
    /// request is refused with 400 instead of 422, and a replayed response says
    /// `Idempotent-Replayed`.
    pub fn stripe(self) -> Self {
        let answer = self.answer.reuse_as_bad_request();
        self.methods([Method::POST])
            .one_scope_for_all_routes()
            .replayed_header(HeaderName::from_static("idempotent-replayed"))
            .refuse_with(answer)
    }
}
