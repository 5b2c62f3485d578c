//! Scripts, called by their digests.

use std::fmt;

use redis::Cmd;

/// A Lua script that the server keeps under its digest.
pub struct Script {
    source: &'static str,
    digest: String,
}

impl Script {
    /// A script with this source.
    #[doc(hidden)]
    pub fn new(source: &'static str) -> Self {
        let digest = redis::Script::new(source).get_hash().to_owned();
        Self { source, digest }
    }

    /// A call that still lacks its keys, of which there will be so many, and
    /// its arguments.
    #[doc(hidden)]
    pub fn call(&self, keys: usize) -> Cmd {
        let mut call = Cmd::new();
        call.arg("EVALSHA").arg(&self.digest).arg(keys);
        call
    }

    /// The same call for a server that does not know the script: it brings the
    /// source along, and the server keeps it.
    #[doc(hidden)]
    pub fn call_with_source(&self, call: &Cmd) -> Cmd {
        let mut whole = Cmd::new();
        whole.arg("EVAL").arg(self.source);
        for arg in call.args_iter().skip(2) {
            if let redis::Arg::Simple(arg) = arg {
                whole.arg(arg);
            }
        }
        whole
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({})", self.digest)
    }
}
