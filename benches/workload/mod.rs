//! What the benches share: the keys that are asked for, the limiters that are
//! asked, and how two of them are compared.

pub(crate) mod fleet;
pub(crate) mod keys;
pub(crate) mod once;
pub(crate) mod ours;
pub(crate) mod pair;
pub(crate) mod peers;
pub(crate) mod red;
pub(crate) mod rules;
pub(crate) mod side;
pub(crate) mod stack;
