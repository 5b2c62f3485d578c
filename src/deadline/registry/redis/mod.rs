//! A registry in Redis: calls of `lua/deadline.lua`.
//!
//! [`Redis`] has the operations of the registry, each one call of the `script`.
//! `reply` reads what it returns. `clock_fallback` answers without Redis, if
//! the user has set how wrong clocks may be. `listen` learns of cancellations
//! by other processes.
//!
//! An id carries when it was issued and for how long. With a record, this is
//! only used when Redis does not answer; without one, because Redis was
//! unavailable, always.

mod clock_fallback;
mod listen;
mod reply;
mod script;
mod store;

pub(super) use self::store::Redis;
