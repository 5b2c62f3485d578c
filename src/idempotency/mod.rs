//! Idempotency: the same work, asked for twice, is done once.
//!
//! # How it works
//!
//! Whoever is to do some work [claims](Store::claim) its [`Name`] in a [`Store`]
//! first, and says by a [`Fingerprint`] what the work is. One claimant is told to
//! run, and holds a [`Lease`], which is renewed while the work goes on. At its end
//! a [`Record`] of what came of it is kept, for a day unless set, and all who claim
//! the same from then on are given that.
//!
//! | under the name is | another claim is answered |
//! |---|---|
//! | nothing | run |
//! | work with another fingerprint | a mismatch, whatever has become of it |
//! | work that runs | that it runs, and for how long its lease lasts |
//! | work that is done | its record |
//! | work whose lease has lapsed | run, and that it is recovered; or that its outcome is unknown: [`Takeover`] |
//!
//! A handler that blocks its runtime keeps the renewals from being made that run on it.
//! In [`Local`] that harms nothing: a lease there does not lapse while its [`Guard`] is
//! alive. Elsewhere the lease lapses after its time, and another may begin: move what
//! blocks to `spawn_blocking`, or have leases [renewed](Claimant::renew_on) by a runtime
//! of their own, and watch [`RenewedLate`](Event::RenewedLate).
//!
//! A lease is given back only by who says that the work was not done. Work that
//! panics, is dropped, or dies with its process may have been done in part, or all
//! of it: its lease lapses. Each lease has a [`Token`] that no other ever has; who
//! has lost his lease can neither renew nor complete it, and may have others tell
//! by the token that he is late. [`state`] is all of this as one rule.
//!
//! | | does |
//! |---|---|
//! | [`IdempotencyLayer`] | requests once, of HTTP and unary gRPC: [the layer](#the-layer) |
//! | [`Runner`] | work once, for consumers of queues and for jobs |
//! | [`Claimant`] and [`Guard`] | the steps of that, for those who drive them themselves |
//! | [`Store`] | the claims: [`Local`], in this process, another of the [stores](#stores), or one's own |
//! | [`IdempotencyKey`], [`Scope`], [`Fingerprint`] | say which work, whose, and what it is |
//! | [`Observe`] | hear what becomes of claims |
//!
//! # Stores
//!
//! | store | records are | and outlive | a claim and a completion cost |
//! |---|---|---|---|
//! | [`Local`] | in this process | nothing | a lock |
//! | `Durable` (feature `durable`) | on the disk of one machine | the process, and as far as the disk goes the machine | an fsync each, shared by those that come at once |
//! | `Redis` (feature `redis`) | in Redis, for a fleet | the process, and the server as far as it persists | a call each |
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
//! Payments: nobody repeats one whose outcome is unknown, duplicates wait for the
//! first one, and the bank refuses what a late holder writes.
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
//! A client that has no answer sends its request again, with the same key in the
//! header `Idempotency-Key`, and gets the answer of the first one.
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
//! Payments: each needs a key, nobody repeats one whose outcome is unknown, and
//! duplicates wait. Anonymous clients are told apart by their address.
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
//! // When the server has stopped: what clients have left behind.
//! tracker.drain(Duration::from_secs(30)).await;
//! # };
//! ```
//!
//! ## How it decides
//!
//! Requests without a key, or with other methods than `POST` and `PATCH`, pass. Of
//! those with one the body is read, up to a cap, and what becomes of them is this,
//! each under its name in the `type` of a problem (RFC 9457):
//!
//! | | HTTP | gRPC |
//! |---|---|---|
//! | <a id="key-missing"></a>`key-missing`: there is no key, and [one is needed](IdempotencyLayer::require) | 400 | 3 |
//! | <a id="key-malformed"></a>`key-malformed`: the key [cannot be read](KeyForm) | 400 | 3 |
//! | <a id="principal-missing"></a>`principal-missing`: the request has no [principal](IdempotencyLayer::principal) | 401 | 16 |
//! | <a id="body-too-large"></a>`body-too-large`: the body is [larger](IdempotencyLayer::max_request_body) than 1 MiB | 413 | 8 |
//! | <a id="overloaded"></a>`overloaded`: the bodies that are read and held leave [no room](IdempotencyLayer::max_body_memory) for this one | 503, `Retry-After` | 14, pushback |
//! | <a id="body-unreadable"></a>`body-unreadable`: the body ended with an error | 400 | 3 |
//! | <a id="store-unavailable"></a>`store-unavailable`: the store has no answer, unless that [is no matter](IdempotencyLayer::fail_open), or a record that cannot be read | 503 | 14 |
//! | <a id="key-reused"></a>`key-reused`: another request had this key | 422 | 9 |
//! | <a id="still-running"></a>`still-running`: the first one is running, and its end is not [waited for](IdempotencyLayer::wait), or was for too long | 409, `Retry-After` | 10, pushback |
//! | <a id="outcome-unknown"></a>`outcome-unknown`: the first one's lease has lapsed, and [`Takeover::Refuse`] is set | 409 | 9 |
//! | <a id="response-not-retained"></a>`response-not-retained`: it was answered, and the answer was not kept; `original-status` and `original-location` are what is left of it | 409 | 6 |
//! | it was answered | that answer | that answer |
//! | nobody has had this key, or the first one's lease has lapsed | the handler's answer | the handler's answer |
//!
//! Two requests are the same if their method, path, query and body are, byte for byte,
//! and the [headers](IdempotencyLayer::compare_headers) that are set. Content types are
//! compared by their essence: `application/json; charset=utf-8` is the same as
//! `Application/JSON`. A client that writes the same request anew each time may be
//! compared by [canonical JSON](IdempotencyLayer::compare_json), all of it or chosen
//! fields; by the parts of a [multipart](IdempotencyLayer::compare_multipart) body,
//! whose boundary changes; or by a [fingerprint](IdempotencyLayer::fingerprint) of the
//! service's own. A change of these settings makes requests other ones: deploy it when
//! no retries are expected, or in another [namespace](IdempotencyLayer::namespace). A key is one within its namespace, principal, method, and route.
//!
//! ## What is kept
//!
//! | answer | what becomes of it | why |
//! |---|---|---|
//! | below 400, most of 4xx, and 5xx except for 502 to 504; gRPC 0, 3, 5, 6, 9, 11, 12, 13 | kept | the handler has decided, and a retry would get the same answer |
//! | 401, 403; gRPC 7, 16 | released | the client may come again with other credentials: [`keep_denials`](IdempotencyLayer::keep_denials) |
//! | 409, 425, 429; gRPC 8, 10 | released | the handler did not begin |
//! | a refusal by a layer of this crate [before the work](#before-the-work) | released | the handler was not entered |
//! | 408, 503; gRPC 14 | [`Rerun`](Takeover::Rerun): released; [`Refuse`](Takeover::Refuse): unknown | a service that did not begin answers so, and so does a timeout or a proxy that cut the work off |
//! | 502, 504; gRPC 1, 2, 4, 15, or no status | unknown: the lease lapses | a gateway or a deadline waited in vain: the work may be done |
//! | an error of the inner service, a body that breaks off or is not as long as its `Content-Length` says, a panic, a deadline of this crate, a refusal that the handler got from a downstream | unknown: the lease lapses | the work was begun, and did not end |
//! | a stream of events, an upgrade, a body of more than 1 MiB | kept without its body | it may never end, or is too large |
//!
//! The status of gRPC is read from the trailers, and that of gRPC-Web from the end of
//! the body, so that the layer may be inside or outside of tonic-web's.
//!
//! The first retry after the lease has lapsed runs the work again, or is refused:
//! [`Takeover`]. A handler says otherwise by a [`StoreDecision`] among the response's
//! extensions, which goes before all of this.
//!
//! ## Before the work
//!
//! The layer marks each request with a key. A layer of this crate between it and the
//! handler that refuses notes the mark in its [`Refusal`](crate::refusal::Refusal), and
//! only a refusal with this request's mark gives the work back. A handler that answers
//! with a refusal which it got from a downstream has begun, whatever the status.
//!
//! A refusal that is an [error](crate::refusal::AsError) has the mark if the request's
//! body is of a type that this crate knows (those that [can be rebuilt](FromBuffered), with
//! [`BoxError`](crate::refusal::BoxError) in boxed ones); with any other it leaves the
//! outcome unknown. A handler that passes its own request on to another service behind
//! a limit of this crate is told apart once it has read the body. If it passes the
//! request on unread, or bodies are [not compared](IdempotencyLayer::compare_heads_only),
//! it has to clear the request's extensions first.
//!
//! A body that is there at once is kept before its head is passed on. Of any other the
//! client has the head and the data as they come, but the end, the trailers, and the
//! last of the data where its length is known, only when the store has kept it: in a
//! store that outlives a crash, nobody has an answer whole that could be another the
//! next time. A client that does not read does not hold its key: up to the cap, what it
//! has yet to read is held for it, within [the layer's
//! memory](IdempotencyLayer::max_body_memory). If the store does not answer, the client gets its answer even so, and
//! the store is told for as long as a lease lasts.
//!
//! ## Replays
//!
//! An answer is given again with its status, body, trailers, all values of
//! `cache-control`, `content-disposition`, `content-encoding`, `content-language`,
//! `content-location`, `content-type`, `etag`, `last-modified`, `link`, `location`,
//! `vary`, those of gRPC, and what is [set](IdempotencyLayer::replay_headers), and
//! with `idempotency-replayed: true`. What is of its own moment, connection or client is
//! not even kept: cookies, dates, traces, limits, CORS.
//!
//! ## The order of layers
//!
//! This layer is the innermost of [the order](crate#the-order-of-layers). So a
//! request that another layer refuses takes no claim, what is kept is neither
//! compressed nor tied to one client's origin, and a repeated request is limited as
//! the first one was.
//!
//! Of gRPC it is for unary calls: a call with a key is read to its end before it is
//! begun. [Exempt](IdempotencyLayer::exempt) streams, or send no keys with them.
//!
//! # Readiness and clones
//!
//! A layer's readiness is the inner service's; nothing is reserved in `poll_ready`. A
//! store is a handle: clones are one. A layer, a runner and a claimant hold one, and
//! their clones share what they track.
//!
//! # Cancellation
//!
//! Work is not cancelled with who asked for it, neither by a [`Runner`] nor by the
//! layer: it goes on in a task of its own, knows the deadline of who asked
//! first, and its answer is there for who asks again. To end it when the time is
//! over, put an `EnforceDeadlineLayer` inside too. A client that goes before its
//! request was read has claimed nothing. A [`Guard`] that is dropped leaves work of
//! unknown outcome. A [`Tracker`] knows of all that goes on in the background.
//!
//! # Differences from others
//!
//! * A flag that says "in progress" until the record would have expired, as
//!   libraries for other languages have it, locks a key for a day when a process
//!   dies. One that is deleted on an error lets a payment run twice. Here the lease
//!   is short, renewed, and never given back in doubt.
//! * Layers that check, run, and then keep, do the work of two requests at once
//!   twice; those that run it in the request's own future leave it half done when the
//!   client goes. Here it is claimed first, and goes on.
//! * Layers that keep all headers give a client the cookies of another; those that
//!   keep answers under the key alone give it his orders.
//! * A claim that is taken over by the time on the claimant's clock, or completed by
//!   whoever comes last, is two claims. Here the store's clock decides, and the
//!   token.

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
    runner::{OnError, Outcome, RunError, Runner},
    scope::{Name, Scope},
    store::{Store, StoreCounts, StoreError},
    token::{ParseTokenError, Token},
    tracker::Tracker,
    waiting::Waiting,
};
