//! Limits whose state is in Redis.
//!
//! A check goes down through these files, and its reply comes back up:
//!
//! | file | what it does |
//! |---|---|
//! | `limiter` | what users see |
//! | `check` | answers without a call if a lease or a remembered denial allows it; waits; asks the policy |
//! | `queue` | decides which requests share a call |
//! | `client` | sends a batch, and keeps what its reply says about buckets |
//! | `hold` | holds an estimate, and settles it |
//! | `call` | writes a batch, and repeats the script's decisions from the reply |
//!
//! The members of an [`All`](crate::limit::All) come in by `member`. If several
//! share a call, `check_all` sends it in place of the queue and the client.

mod builder;
mod call;
mod check;
mod check_all;
mod client;
mod counts;
mod denial_cache;
mod failure_policy;
mod hold;
mod lease;
mod limiter;
mod member;
mod member_request;
mod queue;
mod returns;
mod unreadable;
mod wait;

#[cfg(any(test, feature = "testing"))]
pub use self::check_all::{check_all, check_all_with_source};
pub use self::{
    builder::RedisBuilder,
    check::CheckFuture,
    counts::RedisCounts,
    failure_policy::{FailClosed, FailOpen, OrElse, Policy},
    limiter::Redis,
};
pub(super) use self::{
    check_all::{AllRequest, AllRequests, group_by_call, reserve_group},
    hold::{HeldGroup, hold_group},
};
