//! Several limits for one request, all of which have to agree.

mod charge;
mod failure;
mod future;
mod hold;
mod limiter;
mod notes;
mod one_key;
mod part;
mod tally;
mod tuples;

#[cfg(feature = "redis")]
pub(super) use self::{failure::Failure, hold::Held};
pub use self::{future::Agreeing, limiter::All, one_key::OneKey, part::Member};
pub(super) use self::{
    hold::Hold,
    notes::Look,
    part::{Asked, Bucket, Charge, Claim, Part, Taken, sealed::Sealed},
};
