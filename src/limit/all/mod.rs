//! Several limits for one request, all of which have to admit it.
//!
//! [`limiter::All`] is what users see. [`tuples`] turns a tuple of limiters into
//! their buckets, [`charge`] reserves them all or none, and [`pending`] goes on
//! where that needs a call or a wait. [`hold`] charges estimates, which are
//! settled later.

mod charge;
mod combined;
mod failure;
#[cfg(feature = "redis")]
mod groups;
mod hold;
mod limiter;
mod notes;
mod pending;
mod tuples;

#[cfg(feature = "redis")]
pub(in crate::limit) use self::combined::longer_denial;
pub(crate) use self::failure::{Failure, MemberError};
pub use self::limiter::{All, OneKey};
