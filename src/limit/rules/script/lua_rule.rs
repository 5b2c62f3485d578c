//! The contract by which a script can decide for a rule.

use super::reply_reader::ReplyReader;
use crate::{
    clock::Tick,
    limit::rules::{quota::Cost, rule::Rule},
    redis::Script,
};

/// A rule that a Lua script can decide by, so that its buckets can be in Redis.
///
/// Sealed: the rules of this crate have twins in `lua/`.
pub trait Scripted: Rule + LuaRule {}

impl<R: LuaRule> Scripted for R {}

/// The twin of a rule, as the limiter in Redis knows it. Users cannot name it,
/// so it seals [`Scripted`].
pub trait LuaRule: Rule {
    /// Returns the script that works through a batch of this rule's operations.
    fn script() -> &'static Script;

    /// Returns the name of the twin's file.
    fn lua_name(&self) -> &'static str;

    /// Returns the letter at the end of the names of its buckets, by which its
    /// twin is called. Rules whose states differ have letters that differ, so
    /// none reads the other's.
    fn kind(&self) -> char;

    /// Returns the numbers that the twin has to know of the quota, in the order
    /// of its `params`.
    fn lua_params(&self) -> Vec<u64>;

    /// Reads the state that the script found at `now`. `None` if no bucket can
    /// have left such a state.
    fn read_state(&self, now: Tick, reply: &mut ReplyReader<'_>) -> Option<Self::State>;

    /// Returns what a bucket never seen keeps of this cost, if that does not
    /// depend on the instant: its number behind the instant, and its life in
    /// ticks. `None` as well if the cost does not pass.
    fn first_charge(&self, cost: Cost) -> Option<(u64, Tick)> {
        let _ = cost;
        None
    }

    /// Whether shares of a bucket can be charged ahead of need.
    fn can_lease(&self) -> bool {
        !self.queues()
    }

    /// Whether a state that was found for a check of `asked` also tells what
    /// becomes of `cost`.
    fn covers(&self, asked: Cost, cost: Cost) -> bool {
        let _ = (asked, cost);
        true
    }
}

/// The part of an `impl LuaRule` that is the same for each rule: its name, and
/// the script that is made of the files that it stands on and of its own.
///
/// The files behind `rest` are the body of a function, which the script runs
/// when it needs one of theirs; see `lua/rules.lua`.
macro_rules! lua_rule {
    ($name:literal, on $($base:literal),+ $(; rest $($rest:literal),+)?) => {
        fn script() -> &'static $crate::redis::Script {
            static SCRIPT: std::sync::LazyLock<$crate::redis::Script> =
                std::sync::LazyLock::new(|| {
                    let shortcut = concat!(
                        include_str!("../../../../lua/clock.lua"),
                        include_str!("../../../../lua/shortcut.lua"),
                    );
                    let source = concat!(
                        include_str!("../../../../lua/prelude.lua"),
                        include_str!("../../../../lua/rules.lua"),
                        $(include_str!(concat!("../../../../lua/", $base, ".lua")),)+
                        $(
                            "function add_rest()\n",
                            $(include_str!(concat!("../../../../lua/", $rest, ".lua")),)+
                            $crate::limit::rules::script::lua_rule::ledger!(),
                            "end\n",
                        )?
                        include_str!(concat!("../../../../lua/", $name, ".lua")),
                        include_str!("../../../../lua/batch.lua"),
                    );
                    $crate::redis::Script::with_shortcut(shortcut, source)
                });
            &SCRIPT
        }

        fn lua_name(&self) -> &'static str {
            $name
        }
    };
}
pub(super) use lua_rule;

/// Notes what becomes of holds, in scripts of builds for tests.
#[cfg(any(test, feature = "testing"))]
macro_rules! ledger {
    () => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/lua/ledger.lua"))
    };
}
#[cfg(not(any(test, feature = "testing")))]
macro_rules! ledger {
    () => {
        ""
    };
}
pub(in crate::limit) use ledger;
