//! Limits on how many requests are served at once.
//!
//! A service that is given more work than it can do becomes slow for everybody,
//! and its queues grow until nothing is answered in time. A limit of
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
//! | [`Ask`], [`Entry`] | a request for a permit, and what becomes of it |
//! | [`Permit`] | the right to be served, held until the work ends |
//! | [`Shed`] | why a request was refused |
//! | [`Priority`], [`Rank`], [`Cohorts`] | which requests are refused first |
//! | [`CutOff`] | refuses low ranks as long as requests wait too long |

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
pub use self::adaptive::fleet::{AdaptiveFleet, AdaptiveFleetCounts, FleetView};
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
