//! Connections to Redis, and the scripts that run there.

mod script;

pub use self::script::Script;
