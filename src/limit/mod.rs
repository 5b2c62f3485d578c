//! Rate limits: rules, the limiters that keep their state, and the layer that
//! puts a limiter in front of a service.
//!
//! # How it decides
//!
//! A [`Rule`] is the arithmetic of a limit, without a clock and without a store:
//! from the state of a bucket, the present instant and a cost, it makes a
//! [`Decision`]. The docs of each rule give its formula.
//!
//! | rule | lets pass | state of a bucket | take it for |
//! |---|---|---|---|
//! | [`TokenBucket`] | a burst, then a steady rate | 1 word | most things |
//! | [`LeakyBucket`] | one at a time, evenly spaced; the rest queues | 1 word | calling a service that has limits |
//! | [`LeakyBucket::meter`] | as the token bucket | 1 word | the same, if you know it by this name |
//! | [`SlidingWindow`] | the limit in about any window | 1 word | "1,000 an hour", without a rush at the turn of the hour; not "1 a day", which [can mean 48 hours](SlidingWindow#low-limits) |
//! | [`SlidingLog`] | the limit in any window, exactly | 16 bytes for each request in the window | low limits that matter: logins, payments |
//! | [`FixedWindow`] | the limit in each window, twice that around its turn | 1 word | comparison |
//!
//! # Which rule
//!
//! The same made-up traffic, played through each rule at a limit of `100/10s burst
//! 20` by `cargo run --release -p lab -- compare`, in the repository of this crate:
//!
//! | rule | most in any 10 s | most around a turn | refused of 607 at random times | passed of 480 in bursts | wait p50 / p99 |
//! |---|---|---|---|---|---|
//! | token bucket | 119 | 23 | 15 | 234 | none |
//! | leaky bucket, queue | 100 | 24 | 14 | 240 | 897 / 1,970 ms |
//! | leaky bucket, meter | 119 | 23 | 15 | 234 | none |
//! | sliding window | 109 | 100 | 36 | 341 | none |
//! | sliding log | 100 | 100 | 38 | 480 | none |
//! | fixed window | 199 | 199 | 19 | 480 | none |
//!
//! * The first column is the worst of ten patterns of traffic.
//! * Around the turn of a window, 150 requests come just before it, and 150 just
//!   after it.
//! * The random times are those of 10 requests a second on average (Poisson). The
//!   waits belong to them.
//! * The bursts are 80 requests in 2 of every 10 seconds. A token bucket with a
//!   burst of 100 admits all of them.
//!
//! So take the token bucket, with a burst as large as the service can bear at
//! once. Take the queue if the output has to be even and callers can wait, and the
//! sliding log if no window may ever have more than its limit.
//!
//! The command writes a page with plots of all rules and of peers, where the quota
//! can be moved. `lab replay` plays access logs through limits of your choice, and
//! `lab recommend` finds the smallest one for a share of refusals.
//!
//! # Limiters
//!
//! A [`Limiter`] decides by key: [`Local`] is a rule, a clock, and a table of
//! buckets in this process; `Redis` (feature `redis`) is a rule and its script,
//! for limits that a whole fleet shares. A [`RateLimitLayer`] finds out whether a
//! request is exempt, what its key is and how much it costs, asks the limiter, and
//! lets the request pass, wait, or be refused.
//!
//! | limiter | its state is | take it for |
//! |---|---|---|
//! | [`Local`] | in this process | one instance, or a share for each |
//! | `Redis` (feature `redis`) | in Redis | one limit for a whole fleet |
//! | [`Tiers`] | that of the limiter of each tier | free and paid plans |
//! | [`All`] | that of each of its limiters | per second *and* per day, per user *and* per tenant |
//!
//! # A cost that is known only at the end
//!
//! A [`Hold`] charges an estimate before the work and is settled after it: for the
//! tokens of a language model, for bytes, or for logins of which only failures
//! count. See [`Local::hold`] and [`HoldLimiter`].
//!
//! Behind [`RateLimitLayer::settle`] or [`RateLimitLayer::charge_when`] a request is
//! held until the body of its response has ended, and settled by its [`End`]. The
//! handler counts what only it knows in [`Spent`].
//!
//! # A rule and its twin
//!
//! In Redis a Lua script decides, at the clock of the server. The script returns the
//! state in which it found a bucket, and the rule repeats the decision from that
//! state, so clients read the same numbers with either limiter. Each file of the
//! arithmetic has a twin, where the functions that both need have the same names:
//!
//! | `src/limit/` | `lua/` | |
//! |---|---|---|
//! | `rules/gcra.rs` | `gcra.lua` | how both buckets decide |
//! | `rules/refund.rs` | `refund.lua` | credits, debits and undone charges of both |
//! | `rules/token_bucket.rs`, `leaky_bucket.rs` | the same names | in what they differ |
//! | `rules/window.rs` | `window.lua` | what both windows count, and credit, debit, undo |
//! | `rules/sliding_window.rs`, `fixed_window.rs` | the same names | how each decides |
//! | `rules/log.rs` | `log.lua` | the entries of a log |
//! | `rules/sliding_log.rs` | `sliding_log.lua` | how it decides |
//! | `rules/script/`; `reserve` and `take_up_to` of `rules/rule.rs` | `batch.lua` | several operations in one call |
//! | `redis/check_all.rs` | `all.lua` | several buckets, each under its rule, in one call |
//! | `redis/lease/` | `lease.lua` | the holder of a lease, and its bucket |
//! | `redis/hold/` | `hold.lua` | holds, and their settlement |
//! | none | `new_quota.lua` | what a changed quota makes of a state |
//! | `rules/rate.rs` | none | a rate, reduced; scripts are told the result |
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
//! Per client, behind a proxy. Uploads cost more, health checks are free, and a
//! client over the limit waits up to half a second:
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
//! The service is ready when the inner service is; nothing is reserved in
//! `poll_ready`. The layer holds a limiter, which is a handle: no clone and no call
//! of `layer` makes new state. The inner service must be `Clone`: a request that
//! waits takes the ready service along and leaves a clone behind, and a refused one
//! drops it, with all that it had reserved.
//!
//! # Cancellation
//!
//! A request dropped while it waits gives its place back, and those behind it
//! move up. In Redis a place is given back only if it is the last; otherwise it
//! lapses. A request dropped after it was admitted has used its budget; give it
//! back with [`credit`](Local::credit) if it should not have.
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
mod hold;
mod http;
mod limiter;
mod local;
mod log_turns;
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
mod window_info;

#[cfg(feature = "redis")]
pub(crate) use self::log_turns::LogTurns;
pub use self::{
    all::{All, OneKey},
    decision::{Decision, Denial, Verdict},
    hold::{DropRule, GiveBack, Hold, HoldError, HoldLimiter, Holding, Keep},
    http::{
        RateLimit, RateLimitLayer, future,
        settle::{
            ActualCost, ChargeWhen, End, SettledBody, SettledLimit, SettledLimitLayer, Spent,
            failed, ok, refused,
        },
    },
    limiter::{Backend, Check, LimitNames, Limiter, Wait},
    local::{Direct, Keyed, Local, LocalBuilder, UntilReady},
    observe::{Counts, Event, Observe, RequestOutcome, Snapshot},
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
