//! Tower layers that put exact limits in front of a service, and beside them
//! deadlines, RED metrics and idempotency keys.
//!
//! A limit is said in one line, holds for all routes, connections and clones
//! together, and tells clients what is left and when to come back. It wraps
//! axum routers, tonic servers and clients, and any other
//! [`tower::Service`](https://docs.rs/tower/latest/tower/trait.Service.html).
//!
//! ```
//! use axum::{Router, routing::get};
//! use sluicegate::{key::ClientIp, limit::{Local, Quota, RateLimitLayer, TokenBucket}};
//!
//! // 100 a second for each client, up to 200 at once.
//! let limiter = Local::keyed(TokenBucket::new(Quota::per_second(100).burst(200)));
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "hello" }))
//!     .layer(RateLimitLayer::new(limiter).key(ClientIp::peer()));
//! ```
//!
//! # The parts
//!
//! ```text
//!   request ──► key ──► limiter ──► inner service ──► response, with what is left
//!                        │  ▲
//!                        │  └── rule + clock + state
//!                        └────► refusal ──► 429, status 8, or an error
//! ```
//!
//! | module | what is in it |
//! |---|---|
//! | [`limit`] | the rules (token bucket, leaky bucket, sliding window, sliding log, fixed window), the limiters that keep their state, the layer |
//! | [`key`] | whose budget a request draws on: the client's address, a header, an extension, a closure |
//! | [`refusal`] | how a refusal is told: HTTP, gRPC, an error, a closure |
//! | [`deadline`] | until when a request has to be answered, known wherever work is done for it |
//! | [`red`] | rate, errors and duration of requests, objectives and how fast their budgets burn; told to Prometheus, OpenTelemetry, a fleet |
//! | `idempotency` | the same request, message or job twice does its work once (feature `idempotency`) |
//! | [`clock`] | where limiters have the time from |
//! | `redis` | connections to Redis, for limits that a whole fleet shares (feature `redis`) |
//!
//! # What it promises
//!
//! * **Exact.** Rules count in whole numbers. No rate is rounded up, and a
//!   request denied with "retry after 70 ms" passes after 70 ms and not a
//!   microsecond before, if nobody else came.
//! * **Bounded.** A limiter with keys takes a fixed amount of memory, whatever
//!   the keys are (a sliding log: as much as it logs, for a fixed number of
//!   keys). Nobody has to call a sweeper. What had to be forgotten is counted.
//! * **One for the fleet.** In Redis, a limit is decided by a script, by the
//!   server's clock, with the answer that the same rule gives in process. What
//!   happens when Redis does not answer is a type that has to be given.
//! * **Free when local.** A decision in process allocates nothing, boxes
//!   nothing, and awaits nothing.
//! * **Composable.** The inner service's response and error types stay as they
//!   are.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `axum` | the peer address that axum leaves in a request, and its routes; problem bodies in axum's body type |
//! | `tonic` | the peer address that tonic leaves in a request; implies `grpc` |
//! | `grpc` | gRPC answers to gRPC requests, with `google.rpc.RetryInfo` |
//! | `stream` | [`limit::pace`](crate::limit): streams and sinks that keep to a limit |
//! | `redis` | limits in Redis: `limit::Redis`, `redis::Connection`; with `idempotency` also `idempotency::Redis` |
//! | `redis-tls` | `rediss://` addresses, by rustls; implies `redis` |
//! | `prometheus` | `red::prometheus`: metrics as Prometheus and OpenMetrics text, and with `axum` a handler for scrapes |
//! | `metrics` | `red::metrics`: requests recorded into the `metrics` facade |
//! | `opentelemetry` | `red::opentelemetry`: requests recorded into OpenTelemetry's instruments, and its current trace for exemplars |
//! | `idempotency` | `idempotency`: the layer, keys, leases, records, and work that is done once |
//! | `idempotency-compression` | records with compressed bodies; implies `idempotency` |
//! | `durable` | `idempotency::Durable`: records on disk; implies `idempotency` |
//! | `full` | all of them |

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;
pub mod deadline;
mod head;
#[cfg(feature = "idempotency")]
#[cfg_attr(docsrs, doc(cfg(feature = "idempotency")))]
pub mod idempotency;
pub mod key;
pub mod limit;
pub mod red;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub mod redis;
pub mod refusal;
mod sync;
