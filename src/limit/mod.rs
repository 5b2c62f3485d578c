//! Rate limits: rules, the limiters that keep their state, and the layer.

mod arrival;
mod decision;
mod fixed_window;
pub mod future;
mod gate;
mod layer;
mod leaky_bucket;
mod limiter;
mod line;
mod local;
mod log;
mod logs;
mod observe;
#[cfg(feature = "stream")]
pub mod pace;
mod quota;
mod rule;
mod service;
mod sliding_log;
mod sliding_window;
mod store;
mod table;
mod tiers;
mod token_bucket;
mod window;

pub use self::{
    decision::{Decision, Verdict},
    fixed_window::FixedWindow,
    gate::{Exempt, Weigh},
    layer::RateLimitLayer,
    leaky_bucket::LeakyBucket,
    limiter::{Backend, Check, Limiter, Patience},
    local::{Direct, Keyed, Local, LocalBuilder, Ready, Shape, Turn},
    observe::{Counts, Event, Observe, Outcome, Snapshot},
    quota::{Cost, Quota, QuotaError},
    rule::{Rule, State, Word},
    service::RateLimit,
    sliding_log::{Log, SlidingLog},
    sliding_window::SlidingWindow,
    tiers::Tiers,
    token_bucket::TokenBucket,
};
