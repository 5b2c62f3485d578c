//! Tokens taken from Redis ahead of need, and spent here.
//!
//! A bucket with a high demand is leased: the script charges a share of it at
//! once, and checks are answered from the share, without Redis. The share was
//! charged before it is spent, so no more passes than without leases. Two
//! things could still make it more:
//!
//! - The bucket could refill while shares of it are out. So the script counts
//!   what is out, leaves that much room empty, and counts it as spent at the
//!   very end of its term.
//! - A share could be spent after its term. So a share ends by a clock of this
//!   process that was read before the server read its own, a thousandth early
//!   because clocks run at different speeds, and no later reply makes it last
//!   longer.
//!
//! The bound: no share is spent after its term by the server's clock, unless
//! that clock steps ahead, gains more than a thousandth on this one, or this
//! process is suspended. Then a bucket lets the refill of that time pass beyond
//! its limit, and a window what was out.

mod hot_key;
mod table;

pub(super) use self::{
    hot_key::LeaseReview,
    table::{LEASE_REVIEW_TICKS, LeaseTable},
};
