//! Lua scripts, which the server runs by their digests.
//!
//! Each script returns a list, and is wrapped into `lua/numbered.lua`, which
//! puts the number of the call behind it. A call is sent by the digest of the wrapped
//! source. A server that does not know it replies `NOSCRIPT`, and the call is
//! sent again with the source.
//!
//! A script can have a shortcut, which runs first and may answer by itself, so that the
//! server need not make the functions of the script.

use std::fmt;

use redis::{Arg, Cmd, ToRedisArgs};

use crate::clock::Tick;

/// A Lua script that the server keeps under its digest.
pub struct Script {
    /// The bare source, which expects no number and returns none.
    source: String,
    /// The source inside the wrapper that puts the call's number behind each
    /// reply.
    numbered: String,
    /// The SHA-1 of the wrapped source, in hexadecimal.
    digest: String,
}

impl Script {
    /// A script with this source, which has to return a list.
    #[doc(hidden)]
    pub fn new(source: &'static str) -> Self {
        Self::of(source.to_owned(), "", source)
    }

    /// A script whose shortcut may leave a list in a local `answer`, or a whole
    /// number as it is written. Otherwise the source goes on.
    pub(crate) fn with_shortcut(shortcut: &str, source: &str) -> Self {
        let answer = include_str!("../../lua/answer.lua");
        let shortcut = format!("{shortcut}{answer}");
        Self::of(
            format!("local number\n{shortcut}{source}"),
            &shortcut,
            source,
        )
    }

    /// Wraps the source.
    fn of(bare: String, shortcut: &str, source: &str) -> Self {
        let number = include_str!("../../lua/number.lua");
        let around = include_str!("../../lua/numbered.lua");
        let numbered =
            format!("{number}{shortcut}local function script()\n{source}\nend\n{around}");
        let digest = redis::Script::new(&numbered).get_hash().to_owned();
        Self {
            source: bare,
            numbered,
            digest,
        }
    }

    /// Returns a call for this many keys. The caller appends them, then the
    /// arguments.
    #[doc(hidden)]
    pub fn call(&self, keys: usize) -> Cmd {
        let mut call = Cmd::new();
        call.arg("EVALSHA").arg(&self.digest).arg(keys);
        call
    }

    /// Returns a call with these keys and the instant that `lua/clock.lua`
    /// reads: this one, which only tests and replays give, or the server's. The
    /// caller appends further arguments.
    pub(crate) fn call_at<K: ToRedisArgs>(
        &self,
        keys: impl ExactSizeIterator<Item = K>,
        now: Option<Tick>,
    ) -> Cmd {
        let mut call = self.call(keys.len());
        for key in keys {
            call.arg(key);
        }
        match now {
            None => call.arg(""),
            Some(now) => call.arg(now),
        };
        call
    }

    /// Returns the same call with the bare source. It needs no
    /// [`Connection`](super::Connection), and its reply has no number.
    #[doc(hidden)]
    pub fn call_with_source(&self, call: &Cmd) -> Cmd {
        with_source(&self.source, args(call))
    }

    /// Returns the same numbered call under another number and with its source,
    /// which the server keeps. It is for a server that does not know the
    /// script.
    ///
    /// A new number is needed, because the reply to the first sending may still
    /// be under way.
    pub(super) fn numbered_with_source(&self, call: &Cmd, number: u64) -> Cmd {
        // The last argument is the old number.
        let last = args(call).count().saturating_sub(1);
        let mut whole = with_source(&self.numbered, args(call).take(last));
        whole.arg(number);
        whole
    }
}

/// Replaces the digest by a source.
fn with_source<'a>(source: &str, args: impl Iterator<Item = &'a [u8]>) -> Cmd {
    let mut whole = Cmd::new();
    whole.arg("EVAL").arg(source);
    // EVALSHA and the digest are replaced.
    args.skip(2).for_each(|arg| {
        whole.arg(arg);
    });
    whole
}

/// Returns the arguments of a call. Calls of this crate have no cursors, which
/// are the other kind of argument.
fn args(call: &Cmd) -> impl Iterator<Item = &[u8]> {
    call.args_iter().filter_map(|arg| match arg {
        Arg::Simple(arg) => Some(arg),
        _ => None,
    })
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({})", self.digest)
    }
}
