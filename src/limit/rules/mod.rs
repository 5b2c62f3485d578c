//! The arithmetic of limits, without a clock and without a store.
//!
//! Each rule has a file here and a twin of the same name in `lua/`, which
//! decides in Redis. [`script`] is the seam between the two.

pub(crate) mod fixed_window;
mod forward;
pub(crate) mod gcra;
pub(crate) mod leaky_bucket;
pub(crate) mod log;
pub(crate) mod quota;
mod rate;
mod refund;
pub(crate) mod remaining;
pub(crate) mod rule;
// Operations and replies are public for the sake of `testing` alone.
#[cfg(feature = "redis")]
#[cfg_attr(not(any(test, feature = "testing")), allow(unreachable_pub))]
pub(crate) mod script;
pub(crate) mod sliding_log;
pub(crate) mod sliding_window;
pub(crate) mod token_bucket;
pub(crate) mod window;
pub(crate) mod word;

#[cfg(feature = "redis")]
pub use self::script::Scripted;
pub use self::{
    fixed_window::FixedWindow,
    leaky_bucket::LeakyBucket,
    quota::{Cost, Quota},
    rule::Rule,
    sliding_log::SlidingLog,
    sliding_window::SlidingWindow,
    token_bucket::TokenBucket,
    word::Word,
};
