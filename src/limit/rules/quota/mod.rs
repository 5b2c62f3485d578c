//! How much, in how long, and how much of it at once; from numbers and from text.
//! A rule is made from a quota, which has checked already that the rule can keep
//! it.

mod quota;
#[cfg(feature = "serde")]
mod serde;
mod text;

pub use self::quota::{Cost, Quota};
pub(crate) use self::quota::{MAX_COST, MAX_UNITS};
