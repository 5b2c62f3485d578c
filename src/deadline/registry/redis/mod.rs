//! A registry in Redis: calls of `lua/deadline.lua`.

mod fallback;
mod listen;
mod reply;
mod store;

pub(super) use self::store::Redis;
