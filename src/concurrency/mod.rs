//! Limits on how many requests are served at once.
//!
//! A service that is given more work than it can do becomes slow for everybody,
//! and its queues grow until nothing is answered in time. A limit of
//! concurrency keeps it at work that it can finish, and refuses the rest at
//! once, the least important first.
//!
//! ```
//! use std::time::Duration;
//! use axum::{Router, routing::get};
//! use sluicegate::concurrency::{ConcurrencyLayer, Local, Priority, Queue};
//!
//! // 100 requests at a time; 50 more wait, for at most 100 ms.
//! let permits = Local::builder(100)
//!     .name("api")
//!     .queue(Queue::new(50).max_wait(Duration::from_millis(100)))
//!     .build();
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "hello" }))
//!     .layer(ConcurrencyLayer::new(permits).priority(Priority::header()));
//! ```
//!
//! # The path of a request
//!
//! ```text
//!   request ──► rank ──► limit ──► permit ──► inner service ──► end of the body
//!                         │  ▲       ▲                                │
//!                         │  └───────┼──── the permit comes back ◄────┘
//!                         ├──► queue ┘
//!                         └──► 503 or gRPC status 14, with the time to try again
//! ```
//!
//! | type | |
//! |---|---|
//! | [`ConcurrencyLayer`] | the layer |
//! | [`Local`] | a limit in this process, with or without keys |
//! | [`Adaptive`], [`Algorithm`] | a limit that finds itself, by how long requests take |
//! | [`Queue`] | where requests wait for a permit, and for how long |
//! | [`Ask`], [`Entry`] | a request for a permit, and what becomes of it |
//! | [`Permit`] | the right to be served, held until the work ends |
//! | [`Shed`] | why a request was refused |
//! | [`Priority`], [`Rank`], [`Cohorts`] | which requests are refused first |
//! | [`CutOff`] | refuses low ranks as long as requests wait too long |
//!
//! # Guarantees
//!
//! * **The limit holds.** Never more permits are in flight than the limit, and
//!   each comes back exactly once: when the body of the response has ended, when
//!   the client goes away, or when the handler panics. Only a limit that has just
//!   shrunk is exceeded, by requests that began before.
//! * **No priority inversion.** When a request is refused, no request of a lower
//!   rank is in the queue or would be admitted at that instant. So a full queue
//!   refuses its lowest rank for a higher one, a cut-off that rises empties the
//!   queue below it, and a request that waits too long takes those of lower rank
//!   with it. A request that its own [deadline](crate::deadline) makes hopeless,
//!   or whose client goes away, leaves alone.
//! * **No idle permit.** A request waits only while no permit is free that it may
//!   use, and one that goes away passes its permit on.
//! * **Bounded.** The queue has a bound in length and in time, and keys take
//!   memory only while they are in use.
//! * **Cheap when free.** A free permit takes neither a lock nor an allocation; of
//!   a limit with keys, it takes a lock that few keys share.
//!
//! `tests/overload/law.rs` checks them over random histories.

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

#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::redis::{OnOutage, Redis, RedisBuilder, RedisCounts};
pub use self::{
    adaptive::{Adaptive, Aimd, Algorithm, Estimate, Gradient, Sample},
    ask::Ask,
    gate::{Entry, Load, Permit, Queue, Usage, Waiting, WorkEnd},
    http::{Concurrency, ConcurrencyLayer, ResponseBody, UpgradeGuard, future},
    local::{Keying, Local, LocalBuilder, Permits},
    observe::{Counts, EntryOutcome, Event, Observe, Snapshot},
    priority::{
        ByClosure, ByPrincipal, Cohorts, CutOff, EvenlySpread, FindCohort, FindLevel, FromHeader,
        Prioritize, Priority, Rank, Trusts,
    },
    shed::Shed,
};
pub use crate::limit::{Direct, Keyed};
