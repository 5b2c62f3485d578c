//! Rate limits: rules, the limiters that keep their state, and the layer that
//! puts a limiter in front of a service.
//!
//! # How it decides
//!
//! A [`Rule`] is the arithmetic of a limit, without a clock and without a
//! store: from what is known of a bucket, the present instant and a cost, it
//! makes a [`Decision`]. The formulas stand at the rules.
//!
//! | rule | lets pass | state of a bucket | take it for |
//! |---|---|---|---|
//! | [`TokenBucket`] | a burst, then a steady rate | 1 word | most things |
//! | [`LeakyBucket`] | one at a time, evenly spaced; the rest queues | 1 word | calling somebody who has limits |
//! | [`LeakyBucket::meter`] | as the token bucket | 1 word | those who think of it that way |
//! | [`SlidingWindow`] | the limit in about any window | 1 word | "1,000 an hour", without a rush at the turn of the hour; not "1 a day", which [can mean 48 hours](SlidingWindow#low-limits) |
//! | [`SlidingLog`] | the limit in any window, exactly | 16 bytes for each request in the window | low limits that matter: logins, payments |
//! | [`FixedWindow`] | the limit in each window, twice that around its turn | 1 word | comparison |
//!
//! A [`Limiter`] decides by key: [`Local`] is a rule, a clock, and a table of
//! buckets in this process; `Redis` (feature `redis`) is a rule and its script,
//! for limits that a whole fleet shares. A [`RateLimitLayer`] asks it about each request:
//! exempt? whose? how much? and lets the request pass, wait, or be refused.
//!
//! | limiter | its state is | take it for |
//! |---|---|---|
//! | [`Local`] | in this process | one instance, or a share for each |
//! | `Redis` (feature `redis`) | in Redis | one limit for a whole fleet |
//! | [`Tiers`] | that of the limiter of each tier | free and paid plans |
//! | [`All`] | that of each of its limiters | per second *and* per day, per user *and* per tenant |
//!
//! # Example
//!
//! ```
//! use sluicegate::limit::{Local, Quota, RateLimitLayer, TokenBucket};
//!
//! let limiter = Local::direct(TokenBucket::new(Quota::per_second(100)));
//! let layer = RateLimitLayer::new(limiter);
//! # let _ = layer;
//! ```
//!
//! # Custom example
//!
//! Per client, behind a proxy; uploads cost more; health checks are free;
//! whoever is over the limit waits up to half a second:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use http::{Method, Request};
//! use sluicegate::{
//!     key::ClientIp,
//!     limit::{Counts, Local, Wait, Quota, RateLimitLayer, TokenBucket},
//!     refusal::{Answer, Headers},
//! };
//!
//! type Body = axum::body::Body;
//!
//! let counts = Arc::new(Counts::default());
//! let limiter = Local::builder(TokenBucket::new(Quota::per_minute(600).burst(50)))
//!     .name("api")
//!     .capacity(1_000_000)
//!     .observe(counts.clone())
//!     .keyed();
//! let layer = RateLimitLayer::new(limiter)
//!     .key(ClientIp::forwarded_for(["10.0.0.0/8"])?)
//!     .cost(|req: &Request<Body>| if req.method() == Method::PUT { 5 } else { 1 })
//!     .exempt(|req: &Request<Body>| req.uri().path() == "/healthz")
//!     .wait(Wait::up_to(Duration::from_millis(500)))
//!     .refuse_with(Answer::new().headers(Headers::Both))
//!     .observe(counts);
//! # let _: axum::Router = axum::Router::new().layer(layer);
//! # Ok::<(), sluicegate::InvalidSetting>(())
//! ```
//!
//! # Readiness and clones
//!
//! Readiness is the inner service's; nothing is reserved in `poll_ready`. The
//! layer holds a limiter, which is a handle: no clone and no call of `layer`
//! makes new state. A service must be `Clone` to be wrapped: a request that
//! waits takes the ready service along and leaves a clone behind, and a refused
//! one lets go of it, with whatever it had reserved.
//!
//! # Cancellation
//!
//! A request dropped while it waits gives its place back, and those behind it
//! move up. A request dropped after it was admitted has used its budget; give
//! it back with [`credit`](Local::credit) if it should not have.
//!
//! # Differences from others
//!
//! * `tower::limit::RateLimit` is not `Clone`, waits in `poll_ready`, and behind
//!   a `Buffer` limits each clone for itself. This one is one limit, and does
//!   not hold readiness back.
//! * `governor` keeps a map that grows with its keys until it is told to
//!   shrink, and rounds rates to whole nanoseconds. Here memory is fixed, and
//!   rates are exact (see [`Quota`]). Its `per_second(n)` and ours mean the same.
//! * `tower_governor` takes the leftmost forwarded address, which clients
//!   choose themselves, and rounds `Retry-After` down. See
//!   [`ClientIp`](crate::key::ClientIp) and [`Answer`](crate::refusal::Answer).

mod all;
mod decision;
mod http;
mod limiter;
mod local;
mod member;
mod observe;
mod others;
#[cfg(feature = "stream")]
pub mod pace;
#[cfg(feature = "redis")]
mod redis;
mod reservation;
mod rules;
#[cfg(all(feature = "redis", any(test, feature = "testing")))]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod tiers;
mod warn_log;

pub use self::{
    all::{All, AllFuture, OneKey},
    decision::{Decision, Denial, Verdict},
    http::{RateLimit, RateLimitLayer, future},
    limiter::{Backend, Check, Limiter, Names, Wait},
    local::{Direct, Keyed, Local, LocalBuilder, Ready},
    observe::{Counts, Event, Observe, Outcome, Snapshot},
    others::{Other, Others},
    reservation::Reservation,
    rules::{
        Cost, FixedWindow, LeakyBucket, Quota, Rule, SlidingLog, SlidingWindow, TokenBucket, Word,
    },
    tiers::Tiers,
};
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::{
    redis::{CheckFuture, FailClosed, FailOpen, OrElse, Policy, Redis, RedisBuilder, RedisCounts},
    rules::Scripted,
};
