//! Scripts, called by their digests.

use std::fmt;

use redis::{Arg, Cmd};

/// A Lua script that the server keeps under its digest.
pub struct Script {
    source: &'static str,
    /// The source in what numbers its answers.
    numbered: String,
    digest: String,
}

impl Script {
    /// A script with this source.
    #[doc(hidden)]
    pub fn new(source: &'static str) -> Self {
        let around = include_str!("../../lua/numbered.lua");
        let numbered = format!("local function script()\n{source}\nend\n{around}");
        let digest = redis::Script::new(&numbered).get_hash().to_owned();
        Self {
            source,
            numbered,
            digest,
        }
    }

    /// A call that still lacks its keys, of which there will be so many, and
    /// its arguments.
    #[doc(hidden)]
    pub fn call(&self, keys: usize) -> Cmd {
        let mut call = Cmd::new();
        call.arg("EVALSHA").arg(&self.digest).arg(keys);
        call
    }

    /// The same call as one of the bare source, which can be made without a
    /// [`Connection`](super::Connection): its answer has no number.
    #[doc(hidden)]
    pub fn call_with_source(&self, call: &Cmd) -> Cmd {
        with_source(self.source, args(call))
    }

    /// The same numbered call, under another number, for a server that does not
    /// know the script: it brings the source along, and the server keeps it.
    pub(super) fn numbered_with_source(&self, call: &Cmd, number: u64) -> Cmd {
        let last = args(call).count().saturating_sub(1);
        let mut whole = with_source(&self.numbered, args(call).take(last));
        whole.arg(number);
        whole
    }
}

fn with_source<'a>(source: &str, args: impl Iterator<Item = &'a [u8]>) -> Cmd {
    let mut whole = Cmd::new();
    whole.arg("EVAL").arg(source);
    args.skip(2).for_each(|arg| {
        whole.arg(arg);
    });
    whole
}

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
