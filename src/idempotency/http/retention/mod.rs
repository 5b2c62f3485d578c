//! Which responses are kept, what is kept of them, and how they are replayed.

pub(super) mod completion;
pub(super) mod policy;
pub(super) mod replay;

pub use self::policy::StoreDecision;
