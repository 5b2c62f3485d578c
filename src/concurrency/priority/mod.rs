//! Priorities: which requests an overloaded service sheds first.

mod rank;

pub use self::rank::Rank;
