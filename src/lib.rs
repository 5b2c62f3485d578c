//! Tower layers for exact rate limits, deadlines, RED metrics and idempotency
//! keys.
//!
//! A limit takes one line. It holds for all routes, connections and clones
//! together, and its responses tell clients what is left and when to retry. The
//! layers wrap axum routers, tonic servers and clients, and any other
//! [`tower::Service`](https://docs.rs/tower/latest/tower/trait.Service.html).
//!
//! ```no_run
//! # #[tokio::main]
//! # async fn main() -> std::io::Result<()> {
//! use std::net::SocketAddr;
//! use axum::{Router, routing::get};
//! use sluicegate::{key::ClientIp, limit::{Local, Quota, RateLimitLayer, TokenBucket}};
//!
//! // 100 requests a second for each client, up to 200 at once.
//! let limiter = Local::keyed(TokenBucket::new(Quota::per_second(100).burst(200)));
//! let app = Router::new()
//!     .route("/", get(|| async { "hello" }))
//!     .layer(RateLimitLayer::new(limiter).key(ClientIp::peer()));
//!
//! // Needs the feature `axum`, which reads the client's address that axum adds here.
//! let app = app.into_make_service_with_connect_info::<SocketAddr>();
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! axum::serve(listener, app).await
//! # }
//! ```
//!
//! # The parts
//!
//! ```text
//!   request ──► key ──► limiter ──► inner service ──► response with quota headers
//!                        │  ▲
//!                        │  └── rule + clock + state
//!                        └────► refusal ──► 429, gRPC status 8, or an error
//! ```
//!
//! | module | contents |
//! |---|---|
//! | [`limit`] | the rules (token bucket, leaky bucket, sliding window, sliding log, fixed window), the limiters that keep their state, and the layer |
//! | [`key`] | whose budget a request draws on: the client's address, a header, an extension, a closure |
//! | [`refusal`] | how a refused request is answered: HTTP, gRPC, an error, a closure |
//! | [`deadline`] | the time until which a request has to be answered, known to all work for it |
//! | [`red`] | rate, errors and duration of requests, and service level objectives; exported to Prometheus, OpenTelemetry, or a fleet |
//! | `idempotency` | a request, message or job that arrives twice does its work once (feature `idempotency`) |
//! | `client` | layers around a client that obey the limits of the servers it calls (feature `client`) |
//! | [`drain`] | graceful shutdown within a budget: no request that was accepted is lost |
//! | [`criticality`] | how important a request is, for layers that refuse the least important ones first |
//! | [`clock`] | the clocks of limiters |
//! | `redis` | connections to Redis, for state that a fleet shares (feature `redis`) |
//!
//! # The order of layers
//!
//! A layer sees the responses of the layers inside it. The docs of all modules
//! assume this order, outermost first:
//!
//! | layer | position |
//! |---|---|
//! | [`drain`] | waits for every request, with all that the layers inside do for it |
//! | [`red`] | counts the refusals of all others, and the time that a client really waits |
//! | tracing | its span covers all work for the request |
//! | CORS | a browser shows a 504 or a 429 to a script only with CORS headers |
//! | [`deadline`] | time counts from the arrival of a request, before anything waits |
//! | compression, gRPC-Web | the layers inside see plain HTTP or gRPC, and stored responses are not compressed |
//! | authentication | limits and idempotency keys need the user |
//! | [`limit`] | a refused request takes no concurrency permit and no idempotency key |
//! | concurrency | only admitted requests take a permit |
//! | `idempotency` | a replay needs no handler, and the handler runs once |
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use std::time::Duration;
//! use axum::{Router, body::Body, extract::Request, middleware, response::Response, routing::post};
//! use sluicegate::{
//!     deadline::EnforceDeadlineLayer,
//!     idempotency::{self, IdempotencyLayer},
//!     key,
//!     limit::{Local, Quota, RateLimitLayer, TokenBucket},
//!     red::{self, RedLayer},
//! };
//! use tower::{ServiceBuilder, ServiceExt, limit::GlobalConcurrencyLimitLayer};
//! use tower_http::{
//!     compression::CompressionLayer, cors::CorsLayer, map_response_body::MapResponseBodyLayer,
//!     trace::TraceLayer,
//! };
//!
//! /// The user who sent a request, found by authentication.
//! #[derive(Clone, Debug, Hash)]
//! struct User(String);
//!
//! impl key::StoreKey for User {
//!     fn encode(&self, out: &mut key::EncodedKey) {
//!         self.0.encode(out);
//!     }
//! }
//!
//! async fn authenticate(mut request: Request, next: middleware::Next) -> Response {
//!     request.extensions_mut().insert(User("ann".into()));
//!     next.run(request).await
//! }
//!
//! let metrics = red::Registry::new();
//! let limiter = Local::keyed(TokenBucket::new(Quota::per_minute(100).burst(2)));
//! let stack = ServiceBuilder::new()
//!     .layer(RedLayer::server(&metrics))
//!     .layer(TraceLayer::new_for_http())
//!     .layer(CorsLayer::permissive())
//!     .layer(EnforceDeadlineLayer::new().default_timeout(Duration::from_secs(10)))
//!     // The layers below change the type of bodies. A refusal needs a body that can be
//!     // made from text, such as axum's.
//!     .layer(MapResponseBodyLayer::new(Body::new))
//!     .layer(CompressionLayer::new())
//!     .layer(middleware::from_fn(authenticate))
//!     .layer(RateLimitLayer::new(limiter).key(key::extension::<User>()))
//!     .layer(GlobalConcurrencyLimitLayer::new(500))
//!     .layer(IdempotencyLayer::new(idempotency::Local::new()).principal(key::extension::<User>()));
//! let app: Router = Router::new().route("/orders", post(|| async { "order 1" })).layer(stack);
//!
//! let mut answers = Vec::new();
//! for _ in 0..3 {
//!     let request = Request::post("/orders").header("idempotency-key", "17");
//!     let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
//!     let is_replayed = response.headers().contains_key("idempotency-replayed");
//!     answers.push((response.status().as_u16(), is_replayed));
//! }
//! assert_eq!(answers, [(200, false), (200, true), (429, false)]);
//! # }
//! ```
//!
//! # Guarantees
//!
//! * **Exact.** Rules count in whole numbers. They never round a rate up, and a
//!   request that is denied with "retry after 70 ms" passes after 70 ms and not a
//!   microsecond before, if no other request comes first.
//! * **Bounded.** A limiter with keys takes a fixed amount of memory for any keys
//!   (a sliding log: as much as it logs, with a fixed number of keys). It needs no
//!   sweeper, and counts the buckets that it had to forget.
//! * **One for the fleet.** In Redis, a script decides by the server's clock, with
//!   the same result as the rule in process. A type that you choose decides if
//!   Redis does not answer.
//! * **Free when local.** A decision in process does not allocate, box or await.
//! * **Composable.** The response and error types of the inner service stay as
//!   they are.
//!
//! # Features
//!
//! No feature is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `axum` | the peer address that axum leaves in a request, and its routes; problem bodies in axum's body type |
//! | `tonic` | the peer address that tonic leaves in a request; with `client`, the bodies and errors of its channel; implies `grpc` |
//! | `grpc` | gRPC answers to gRPC requests, with `google.rpc.RetryInfo` |
//! | `serde` | quotas as text in configurations: `Serialize` and `Deserialize` of [`limit::Quota`] |
//! | `stream` | [`limit::pace`](crate::limit): streams and sinks that keep to a limit |
//! | `redis` | `redis::Connection` and limits in Redis: `limit::Redis`; with `idempotency` also `idempotency::Redis` |
//! | `redis-tls` | `rediss://` addresses, by rustls; implies `redis` |
//! | `prometheus` | `red::prometheus`: metrics as Prometheus and OpenMetrics text; with `axum` also a handler for scrapes |
//! | `metrics` | `red::metrics`: requests recorded into the `metrics` facade |
//! | `opentelemetry` | `red::opentelemetry`: requests recorded into OpenTelemetry's instruments, and its current trace for exemplars |
//! | `idempotency` | `idempotency`: the layer, keys, leases, records, and a runner for work that is done once |
//! | `idempotency-compression` | records with compressed bodies; implies `idempotency` |
//! | `durable` | `idempotency::Durable`: records on disk; implies `idempotency`, and needs Rust 1.90 |
//! | `client` | `client`: calls are held back, thinned out and retried as servers advise |
//! | `reqwest` | `client::ReqwestClient`: `reqwest::Client` under these layers; implies `client` |
//! | `signal` | `drain::Drain::listen`: SIGTERM and Ctrl-C begin a drain |
//! | `full` | all of the above |
//! | `testing` | `limit::testing` (with `redis`): runs the script of a rule at an instant of your choice, for replays and tests; exempt from semantic versioning |

#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod macros;

mod body_end;
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub mod client;
pub mod clock;
pub mod concurrency;
mod content;
pub mod criticality;
pub mod deadline;
pub mod drain;
mod error;
mod exempt;
mod flush;
#[cfg(feature = "grpc")]
mod google_rpc;
mod grpc_web;
mod histogram;
#[cfg(feature = "idempotency")]
#[cfg_attr(docsrs, doc(cfg(feature = "idempotency")))]
pub mod idempotency;
pub mod key;
pub mod limit;
mod out_of_line;
mod random;
mod random_bits;
pub mod red;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub mod redis;
pub mod refusal;
mod runtime;
mod stripes;
mod sync;

pub use self::error::InvalidSetting;

/// The snippets of README.md compile.
#[cfg(all(
    doctest,
    feature = "axum",
    feature = "redis",
    feature = "reqwest",
    feature = "signal"
))]
#[doc = include_str!("../README.md")]
struct Readme;
