//! Shared by the benches: the keys, the limiters, and the comparison of two sides.

pub(crate) mod fleet;
pub(crate) mod keys;
pub(crate) mod once;
pub(crate) mod ours;
pub(crate) mod pair;
pub(crate) mod peers;
pub(crate) mod red;
pub(crate) mod retry;
pub(crate) mod rules;
pub(crate) mod side;
pub(crate) mod stack;
pub(crate) mod windows;
