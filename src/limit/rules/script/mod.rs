//! The seam between a rule and its twin in Lua.
//!
//! The limiter in Redis sends a [`batch`] of [`Operation`]s to the script of
//! its rule. The script returns the state in which it found each bucket, a
//! [`ReplyReader`] reads it back, and the rule repeats the decision from that
//! state. So what a client is told is always worked out in Rust.

mod batch;
mod hold;
mod lua_rule;
mod operation;
mod reply_reader;
mod shortcut;
mod twins;

#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "testing"))]
pub use self::lua_rule::LuaRule;
pub use self::{
    batch::{batch, terms},
    hold::{GivenBack, HoldRecord, HoldRequest, UndoRequest},
    lua_rule::Scripted,
    operation::Operation,
    reply_reader::ReplyReader,
};
#[cfg(feature = "redis")]
pub(in crate::limit) use self::{
    lua_rule::ledger,
    shortcut::{PLAIN_CHECK, first_checks},
};
