//! A registry in Redis: calls of `lua/deadline.lua`.

mod clock_fallback;
mod listen;
mod reply;
mod script;
mod store;

pub(super) use self::store::Redis;
