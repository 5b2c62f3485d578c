//! Rate limits: rules, the limiters that keep their state, and the layer.

mod arrival;
mod decision;
mod fixed_window;
mod leaky_bucket;
mod limiter;
mod line;
mod local;
mod logs;
mod observe;
mod quota;
mod rule;
mod sliding_log;
mod sliding_window;
mod store;
mod table;
mod token_bucket;
mod window;

pub use self::{
    decision::{Decision, Verdict},
    fixed_window::FixedWindow,
    leaky_bucket::LeakyBucket,
    limiter::{Backend, Check, Limiter, Patience},
    local::{Direct, Keyed, Local, LocalBuilder, Ready, Shape, Turn},
    observe::{Counts, Event, Observe, Outcome, Snapshot},
    quota::{Cost, Quota, QuotaError},
    rule::{Rule, State, Word},
    sliding_log::{Log, SlidingLog},
    sliding_window::SlidingWindow,
    token_bucket::TokenBucket,
};
