//! The arithmetic of limits, without a clock and without a store.
//!
//! Each rule has a file here and a twin of the same name in `lua/`, which decides
//! in Redis. [`script`] is the seam between the two.

pub(crate) mod fixed_window;
pub(crate) mod gcra;
pub(crate) mod leaky_bucket;
pub(crate) mod quota;
pub(crate) mod remaining;
pub(crate) mod rule;
#[cfg(feature = "redis")]
pub(crate) mod script;
pub(crate) mod sliding_log;
pub(crate) mod sliding_window;
pub(crate) mod token_bucket;
pub(crate) mod window;

#[cfg(feature = "redis")]
pub use self::script::{Entry, Numbers, Scripted, batch, head};
pub use self::{
    fixed_window::FixedWindow,
    leaky_bucket::LeakyBucket,
    quota::{Cost, Quota, QuotaError},
    rule::{Rule, State, Word},
    sliding_log::{Log, SlidingLog},
    sliding_window::SlidingWindow,
    token_bucket::TokenBucket,
};
