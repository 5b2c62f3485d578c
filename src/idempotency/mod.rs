//! Idempotency: work that is asked for twice is done once.
//!
//! # How it works
//!
//! Before some work is done, it is [claimed](Store::claim) in a [`Store`] under
//! its [`Name`], with a [`Fingerprint`] of its content. One claimant is told to
//! run the work. It holds a [`Lease`], which is renewed while the work goes on.
//! When the work has ended, a [`Record`] of its result is kept (a day, unless
//! set), and every later claim is answered with it.
//!
//! | under the name is | a claim is answered |
//! |---|---|
//! | nothing | run |
//! | work with another fingerprint | mismatch, whatever its state |
//! | running work | running, and how long its lease lasts |
//! | finished work | its record |
//! | work whose lease has lapsed | run, with a lease that says it is recovered; or unknown: [`Takeover`] |
//!
//! A lease is given back only if the work was certainly not done. Work that
//! panics, is dropped, or dies with its process may have been done in part, or
//! completely, so its lease lapses. Each lease has a [`Token`] that no other
//! lease ever has. A holder that has lost its lease can neither renew nor
//! complete it, and other systems can recognise by the token that it is late.
//! [`state`] is all of this as one rule.
//!
//! A handler that blocks its runtime also blocks the renewals that run there.
//! In [`Local`] that does no harm, because a lease does not lapse while its
//! [`Guard`] is alive. In other stores the lease lapses after its time, and
//! another claimant may begin. Move blocking code to `spawn_blocking`, or
//! [renew](Claimant::renew_on) leases on a runtime of their own, and watch
//! [`RenewedLate`](Event::RenewedLate).
//!
//! | item | purpose |
//! |---|---|
//! | [`IdempotencyLayer`] | does requests of HTTP and unary gRPC once: [the layer](#the-layer) |
//! | [`Runner`] | does work once, for consumers of queues and for jobs |
//! | [`Claimant`] and [`Guard`] | the steps of both, to drive them yourself |
//! | [`Store`] | keeps the claims: [`Local`], in this process, another of the [stores](#stores), or your own |
//! | [`IdempotencyKey`], [`Scope`], [`Fingerprint`] | identify the work, its owner, and its content |
//! | [`Observe`] | receives events, for metrics |
//!
//! # Stores
//!
//! | store | records are | and outlive | cost of a claim and of a completion |
//! |---|---|---|---|
//! | [`Local`] | in this process | nothing | a lock |
//! | `Durable` (feature `durable`) | on the disk of one machine | the process, and the machine as far as the disk does | an fsync each, shared by those that come at the same time |
//! | `Redis` (feature `redis`) | in Redis, shared by a fleet | the process, and the server as far as it persists | a call each |
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use sluicegate::idempotency::{Fingerprint, Local, Runner, Scope};
//!
//! let runner = Runner::new(Local::new());
//! // The message comes twice, as messages do.
//! for _ in 0..2 {
//!     let (id, body) = ("payment 17", "17 EUR to Ann");
//!     let name = Scope::new("payments").name(id);
//!     let paid = runner.run_once(name, Fingerprint::of(body), || async {
//!         Ok::<_, String>("receipt 1".to_owned())
//!     });
//!     assert_eq!(paid.await.unwrap().into_inner(), "receipt 1");
//! }
//! # }
//! ```
//!
//! # Custom example
//!
//! Payments: one with an unknown outcome is never repeated, duplicates wait for
//! the first one, and the bank refuses writes of a late holder.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use std::{sync::Arc, time::Duration};
//! use sluicegate::idempotency::{
//!     Claimant, Counts, Fingerprint, Local, OnError, Runner, Scope, Takeover, Waiting,
//! };
//!
//! let counts = Arc::new(Counts::default());
//! let claimant = Claimant::new(Local::builder().capacity(256 << 20).build())
//!     .lease(Duration::from_secs(10))
//!     .keep(Duration::from_secs(7 * 86_400))
//!     .takeover(Takeover::Refuse)
//!     .observe(counts.clone());
//! let runner = Runner::over(claimant)
//!     .on_error(OnError::Lapse)
//!     .wait(Waiting::up_to(Duration::from_secs(5)));
//!
//! let name = Scope::new("payments").principal("tenant 4").name("17");
//! let fingerprint = Fingerprint::builder().part("Ann").part("17 EUR").finish();
//! let paid = runner.run_leased(name, fingerprint, |lease| async move {
//!     // INSERT ... WHERE no other token has written.
//!     Ok::<_, String>(format!("paid under {}", lease.token()))
//! });
//! assert!(paid.await.is_ok());
//! assert_eq!(counts.snapshot().completed, 1);
//!
//! // Before the process ends.
//! assert_eq!(runner.tracker().drain(Duration::from_secs(30)).await, 0);
//! # }
//! ```
//!
//! # The layer
//!
//! A client that did not get a response sends its request again, with the same
//! key in the header `Idempotency-Key`, and gets the response of the first one.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use axum::{Router, body::Body, routing::post};
//! use http::Request;
//! use sluicegate::{idempotency::{IdempotencyLayer, Local}, key};
//! use tower::ServiceExt;
//!
//! let app: Router = Router::new()
//!     .route("/orders", post(|| async { "order 1" }))
//!     .layer(IdempotencyLayer::new(Local::new()).principal(key::header("x-api-key")));
//!
//! for is_replayed in [false, true] {
//!     let request = Request::post("/orders").header("x-api-key", "k1");
//!     let request = request.header("idempotency-key", "17").body(Body::empty()).unwrap();
//!     let response = app.clone().oneshot(request).await.unwrap();
//!     assert_eq!(response.headers().contains_key("idempotency-replayed"), is_replayed);
//! }
//! # }
//! ```
//!
//! Payments: each needs a key, one with an unknown outcome is never repeated,
//! and duplicates wait. Anonymous clients are separated by their address.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use axum::body::Body;
//! use http::{HeaderName, Request};
//! use sluicegate::{
//!     idempotency::{Claimant, Counts, IdempotencyLayer, Local, Takeover, Waiting},
//!     key::{self, ClientIp},
//!     refusal::Answer,
//! };
//!
//! let claimant = Claimant::new(Local::new()).takeover(Takeover::Refuse);
//! let layer = IdempotencyLayer::over(claimant)
//!     .principal(key::header("x-api-key"))
//!     .anonymous(ClientIp::peer())
//!     .require(|req: &Request<Body>| req.uri().path().ends_with("/pay"))
//!     .wait(Waiting::up_to(Duration::from_secs(5)))
//!     .replay_headers([HeaderName::from_static("x-receipt")])
//!     .refuse_with(Answer::new().keys_described_by("https://api.example/keys"))
//!     .observe(Arc::new(Counts::default()));
//!
//! let tracker = layer.tracker().clone();
//! # let shut_down = async move {
//! // After the server has stopped: finish the work whose clients have gone.
//! tracker.drain(Duration::from_secs(30)).await;
//! # };
//! ```
//!
//! ## How it decides
//!
//! Requests without a key pass, and so do requests with other methods than
//! `POST` and `PATCH`. The body of a request with a key is read, up to a cap.
//! Then the layer decides as follows. Each refusal has its name in the `type`
//! of a problem (RFC 9457):
//!
//! | | HTTP | gRPC |
//! |---|---|---|
//! | <a id="key-missing"></a>`key-missing`: the request has no key and [needs](IdempotencyLayer::require) one | 400 | 3 |
//! | <a id="key-malformed"></a>`key-malformed`: the key [cannot be read](KeyForm) | 400 | 3 |
//! | <a id="principal-missing"></a>`principal-missing`: the request has no [principal](IdempotencyLayer::principal) | 401 | 16 |
//! | <a id="body-too-large"></a>`body-too-large`: the body is [larger](IdempotencyLayer::max_request_body) than 1 MiB | 413 | 8 |
//! | <a id="overloaded"></a>`overloaded`: the [memory for bodies](IdempotencyLayer::max_body_memory) has no room for this one | 503, `Retry-After` | 14, pushback |
//! | <a id="body-unreadable"></a>`body-unreadable`: the body ended with an error | 400 | 3 |
//! | <a id="store-unavailable"></a>`store-unavailable`: the store failed and the layer does not [fail open](IdempotencyLayer::fail_open), or the record cannot be read | 503 | 14 |
//! | <a id="key-reused"></a>`key-reused`: another request had this key | 422 | 9 |
//! | <a id="still-running"></a>`still-running`: the first request is running, and duplicates do not [wait](IdempotencyLayer::wait), or this one has waited for too long; or this one ran, and another has taken over its lease | 409, `Retry-After` | 10, pushback |
//! | <a id="outcome-unknown"></a>`outcome-unknown`: the first request's lease has lapsed, and [`Takeover::Refuse`] is set | 409 | 9 |
//! | <a id="response-not-retained"></a>`response-not-retained`: the response was not kept, or its `grpc-encoding` cannot be read by this client; `original-status` and `original-location` are left of it | 409 | 6 |
//! | the response was kept | that response | that response |
//! | the key is new, or the first request's lease has lapsed | the handler's response | the handler's response |
//!
//! Two requests are the same if their method, path, query and body are, byte
//! for byte, and the [headers](IdempotencyLayer::compare_headers) that are set.
//! Content types are compared by their essence: `application/json;
//! charset=utf-8` is the same as `Application/JSON`. If a client writes the
//! same request in another way each time, compare it by [canonical
//! JSON](IdempotencyLayer::compare_json), all of it or chosen fields; by the
//! parts of a [multipart](IdempotencyLayer::compare_multipart) body, whose
//! boundary changes; or by a [fingerprint](IdempotencyLayer::fingerprint) of
//! your own.
//!
//! If these settings change, a retry no longer matches its first request.
//! Deploy such a change when no retries are expected, or with another
//! [namespace](IdempotencyLayer::namespace). A key names one request within its
//! namespace, principal, method and route.
//!
//! ## What is kept
//!
//! | response | its record | why |
//! |---|---|---|
//! | below 400, most of 4xx, and 5xx except for 502 to 504; gRPC 0, 3, 5, 6, 9, 11, 12, 13 | kept | the handler has decided, and a retry would get the same response |
//! | 401, 403; gRPC 7, 16 | released | the client may retry with other credentials: [`keep_denials`](IdempotencyLayer::keep_denials) |
//! | 409, 425, 429; gRPC 8, 10 | released | the handler did not begin |
//! | a refusal by a layer of this crate [before the work](#before-the-work) | released | the request did not reach the handler |
//! | 408, 503; gRPC 14 | [`Rerun`](Takeover::Rerun): released; [`Refuse`](Takeover::Refuse): unknown | it may mean that the service did not begin, or that a timeout or a proxy cut the work off |
//! | 502, 504; gRPC 1, 2, 4, 15, or no status | unknown: the lease lapses | a gateway or a deadline gave up: the work may be done |
//! | an error of the inner service, a body that breaks off or is not as long as its `Content-Length` says, a panic, a deadline of this crate, a refusal that the handler got from a downstream | unknown: the lease lapses | the work was begun, and did not end |
//! | a stream of events, an upgrade, a body of more than 1 MiB | kept without its body | it may never end, or is too large |
//!
//! The status of gRPC is read from the trailers, and that of gRPC-Web from the
//! end of the body, so the layer may be inside or outside of tonic-web's.
//!
//! The first retry after the lease has lapsed runs the work again, or is
//! refused: [`Takeover`]. A handler can override all of this by a
//! [`StoreDecision`] among the response's extensions.
//!
//! ## Before the work
//!
//! The layer marks each request with a key. If a layer of this crate between it
//! and the handler refuses the request, it copies the mark into its
//! [`Refusal`](crate::refusal::Refusal), and only a refusal with this request's
//! mark gives the work back. A handler that answers with a refusal of a
//! downstream has begun, whatever the status.
//!
//! A refusal that is an [error](crate::refusal::AsError) has the mark if this
//! crate knows the type of the request's body: those that implement
//! [`FromBuffered`], with [`BoxError`](crate::refusal::BoxError) in boxed ones.
//! With any other type, it leaves the outcome unknown.
//!
//! A handler may pass its own request on to another service behind a limit of
//! this crate. A refusal there is recognised as later than the handler if it
//! has read the body. If it passes the request on unread, or if bodies are [not
//! compared](IdempotencyLayer::compare_heads_only), it has to clear the
//! request's extensions first.
//!
//! ## Streamed responses
//!
//! A body that is ready at once is kept before its head is passed on. Of any
//! other body, the client gets the head and the data as they come. The end, the
//! trailers, and the last of the data if its length is known come only after
//! the store has kept the response. With a store that outlives a crash, a
//! client therefore never has a whole response that could be another one at the
//! next retry.
//!
//! A client that does not read does not hold its key: up to the cap, the data
//! that it has yet to read is held in [the layer's
//! memory](IdempotencyLayer::max_body_memory). If the store does not answer,
//! the client gets its response anyway, and the report to the store is repeated
//! for as long as a lease lasts.
//!
//! ## Replays
//!
//! A replayed response has the status, body and trailers of the first one, and
//! all values of `cache-control`, `content-disposition`, `content-encoding`,
//! `content-language`, `content-location`, `content-type`, `etag`,
//! `last-modified`, `link`, `location`, `vary`, the headers of gRPC, and those
//! that are [set](IdempotencyLayer::replay_headers). It is marked with
//! `idempotency-replayed: true`. Headers that belong to one moment, connection
//! or client are not even kept: cookies, dates, traces, limits, CORS.
//!
//! ## The order of layers
//!
//! This layer is the innermost of [the order](crate#the-order-of-layers). A
//! request that another layer refuses therefore takes no claim, a kept response
//! is neither compressed nor tied to one client's origin, and a repeated
//! request is limited as the first one was.
//!
//! For gRPC it handles unary calls only: a call with a key is read to its end
//! before it begins. [Exempt](IdempotencyLayer::exempt) streams, or send no
//! keys with them.
//!
//! # Readiness and clones
//!
//! The layer's readiness is the inner service's; `poll_ready` reserves nothing.
//! A store is a handle, and its clones are the same store. A layer, a runner
//! and a claimant hold one, and their clones share what they track.
//!
//! # Cancellation
//!
//! Neither a [`Runner`] nor the layer cancels the work when its caller goes: it
//! runs in a task of its own, under the deadline of the first caller, and its
//! result is there for the next one. To end the work when the time is over, put
//! an `EnforceDeadlineLayer` inside too. A client that disconnects before its
//! request was read has claimed nothing. A [`Guard`] that is dropped leaves
//! work with an unknown outcome. A [`Tracker`] counts everything that goes on
//! in the background.
//!
//! # Differences from others
//!
//! * Libraries for other languages keep a flag "in progress" until the record
//!   would have expired, so that a crash locks the key for a day. Others delete
//!   it on an error, so that a payment may run twice. Here the lease is short
//!   and renewed, and it is never given back in doubt.
//! * Layers that check, run, and then keep do the work of two concurrent
//!   requests twice. Layers that run it in the request's own future leave it
//!   half done when the client disconnects. Here the work is claimed first, and
//!   goes on.
//! * Layers that keep all headers give one client the cookies of another.
//!   Layers that keep responses by key alone give one client the orders of
//!   another.
//! * If a claim is taken over by the claimant's clock, or completed by the last
//!   writer, there may be two holders. Here the store's clock and the token
//!   decide.

mod claim;
mod claimant;
mod digest;
#[cfg(feature = "durable")]
mod durable;
mod fingerprint;
mod guard;
mod http;
mod key;
mod lease;
mod local;
mod observe;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod runner;
mod scope;
pub mod state;
mod store;
mod token;
mod tracker;
mod waiters;
mod waiting;

#[cfg(feature = "durable")]
#[cfg_attr(docsrs, doc(cfg(feature = "durable")))]
pub use self::durable::{Durable, DurableBuilder, Fsync, OpenError};
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::redis::{Redis, RedisCounts};
pub use self::{
    claim::{Claim, ClaimRequest, LeaseStatus, Takeover},
    claimant::{Claimant, Claimed},
    fingerprint::{Fingerprint, FingerprintBuilder},
    guard::{CompletionStatus, Guard},
    http::{
        BufferedBody, ByKey, CanonicalJson, FromBuffered, GlobalScope, Idempotency,
        IdempotencyLayer, ResponseBody, StoreDecision, future,
    },
    key::{IdempotencyKey, KeyError, KeyForm},
    lease::Lease,
    local::{Local, LocalBuilder},
    observe::{Counts, Event, Observe, Snapshot},
    record::{Body, Record, RecordError, Reply},
    runner::{OnError, RunError, RunOutcome, Runner},
    scope::{Name, Scope},
    store::{Store, StoreCounts, StoreError},
    token::{ParseTokenError, Token},
    tracker::Tracker,
    waiting::Waiting,
};
