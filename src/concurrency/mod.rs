//! Limits on how many requests are served at once.
//!
//! A service that is given more work than it can do becomes slow for all
//! callers, and its queues grow until nothing is answered in time. A limit of
//! concurrency keeps it at work that it can finish, and refuses the rest at
//! once, the least important first.
//!
//! | type | |
//! |---|---|
//! | [`Local`] | a limit in this process, with or without keys |
//! | `Redis` (feature `redis`) | a limit that a fleet shares, with or without keys |
//! | [`Adaptive`], [`Algorithm`] | a limit that finds itself, by how long requests take |
//! | `AdaptiveFleet` | lets adaptive limits learn from those of a fleet (feature `redis`) |
//! | [`Queue`] | where requests wait for a permit, and for how long |
//! | [`Ask`], [`Entry`] | a request for a permit, and its outcome |
//! | [`Permit`] | the right to be served, held until the work ends |
//! | [`Shed`] | why a request was refused |
//! | [`Priority`], [`Rank`], [`Cohorts`] | which requests are refused first |
//! | [`CutOff`] | refuses low ranks as long as requests wait too long |
//!
//! # How it decides
//!
//! A request that finds a permit free takes it. Otherwise it waits in the queue
//! if there is one, or is refused with 503, or for gRPC with 14 `UNAVAILABLE`; a
//! limit [of the caller](ConcurrencyLayer::limit_of_caller) with 429 or 8.
//! Around an HTTP or gRPC service, a [`ConcurrencyLayer`] asks for the permit,
//! and gives it back when the body of the response has ended.
//!
//! With a [`Priority`], each request has a [`Rank`]: its
//! [level](crate::criticality::Criticality), and one of 128 cohorts in it. More
//! important levels are served first. When a request is refused, no request of a
//! lower rank is in the queue or would be admitted at that instant, with two
//! exceptions: requests whose own deadline makes them hopeless, and callers
//! that went away. As long as requests wait too long, a [`CutOff`] also refuses
//! the lowest ranks at once.
//!
//! # Example
//!
//! ```no_run
//! # #[tokio::main]
//! # async fn main() -> std::io::Result<()> {
//! use axum::{Router, routing::get};
//! use sluicegate::concurrency::{ConcurrencyLayer, Local};
//!
//! // 100 requests at a time, and 503 for the others.
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "hello" }))
//!     .layer(ConcurrencyLayer::new(Local::new(100)));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! axum::serve(listener, app).await
//! # }
//! ```
//!
//! # Custom example
//!
//! A queue for bursts, a fifth of the permits for critical requests, and users
//! that take turns in being shed. Prefetches go first; other services of the
//! fleet say themselves how important their requests are:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use axum::{Router, extract::Request, routing::get};
//! use sluicegate::concurrency::{Cohorts, ConcurrencyLayer, Counts, Local, Priority, Queue};
//! use sluicegate::{criticality::Criticality, key};
//!
//! /// A certificate that the fleet has signed, found by TLS.
//! #[derive(Clone)]
//! struct OfTheFleet;
//!
//! let permits = Local::builder(100)
//!     .name("api")
//!     .queue(Queue::new(50).max_wait(Duration::from_millis(100)))
//!     .reserve(Criticality::Critical, 0.2)
//!     .build();
//! let priority = Priority::header()
//!     .trust(|req: &Request| req.extensions().get::<OfTheFleet>().is_some())
//!     .principal(key::header("x-user"), Cohorts::salted(*b"16 secret bytes."));
//! let counts = Arc::new(Counts::default());
//! let layer = ConcurrencyLayer::new(permits)
//!     .priority(priority)
//!     .exempt(|req: &Request| req.uri().path() == "/healthz")
//!     .observe(counts.clone());
//! let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(layer);
//! # let _ = app;
//! ```
//!
//! # Readiness and clones
//!
//! Readiness is the inner service's. A permit is taken in `call`, so a service
//! that is ready and never called, or cloned, holds none. Layers, their
//! services and all clones share one limit. A request that waits takes the
//! ready service along, and a clone stays, so the service must be `Clone`.
//!
//! # Cancellation
//!
//! A future or a body that is dropped gives its permit back, or its place in
//! the queue. So does one that panics, at once. A request does not wait beyond
//! the [current](crate::deadline::current) deadline. A connection that changes
//! its protocol gives its permit back with the head of its response, unless the
//! layer [counts upgrades](ConcurrencyLayer::count_upgrades).
//!
//! # Differences from others
//!
//! * `tower::limit::ConcurrencyLimitLayer` makes a limit for each `layer()` call,
//!   which is one for each route in axum, takes permits in `poll_ready`, and gives
//!   them back with the head of the response. It has neither a bound on its queue
//!   nor priorities.
//! * `tower::load_shed` takes any `Poll::Pending` of the inner service for an
//!   overload. Here only permits decide.
//! * tonic's `concurrency_limit_per_connection` is one limit for each connection.
//! * Netflix's `concurrency-limits` reserves shares by partitions, which bind only
//!   once the whole limit is in use. A [reserve](LocalBuilder::reserve) is a lower
//!   limit for less important levels.

mod adaptive;
mod ask;
mod gate;
mod http;
mod local;
mod observe;
mod priority;
#[cfg(feature = "redis")]
mod redis;
mod shed;
mod watch;

#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::adaptive::fleet::{AdaptiveFleet, AdaptiveFleetCounts, FleetView};
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::redis::{OnOutage, Redis, RedisBuilder, RedisCounts};
#[cfg(all(feature = "redis", feature = "prometheus"))]
pub(crate) use self::watch::FleetReading;
pub use self::{
    adaptive::{Adaptive, Aimd, Algorithm, Estimate, Gradient, Sample},
    ask::Ask,
    gate::{Entry, Load, Permit, Queue, Usage, Waiting, WorkEnd},
    http::{Concurrency, ConcurrencyLayer, ResponseBody, Uncounted, UpgradeGuard, future},
    local::{Keying, Local, LocalBuilder, Permits},
    observe::{Counts, EntryOutcome, Event, Observe, Snapshot},
    priority::{
        ByClosure, ByPrincipal, Cohorts, CutOff, EvenlySpread, FindCohort, FindLevel, FromHeader,
        Prioritize, Priority, Rank, Trusts,
    },
    shed::Shed,
    watch::{LimitReading, Watch},
};
pub use crate::limit::{Direct, Keyed};
