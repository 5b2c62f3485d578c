//! What is kept of a server's error: its code, if it is a known one, and what this
//! crate makes of it. The rest may repeat keys, arguments, users and passwords, and
//! never gets into an [`Error`](super::Error).

use std::fmt;

use redis::{RedisError, ServerError};

use super::redirection::Redirection;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// `None` if it is not a known one.
    code: Option<&'static str>,
    meaning: Option<&'static str>,
    pub(super) redirection: Option<Redirection>,
}

/// The codes that may be shown, each with what it means.
const CODES: &[(&str, &str)] = &[
    ("ASK", "the key is on its way to another node"),
    ("BUSY", "a script blocks the server"),
    ("CLUSTERDOWN", "the cluster has no node for some slots"),
    ("CROSSSLOT", "the keys are in different slots"),
    ("DENIED", "the server is in protected mode"),
    ("ERR", "no more than that"),
    ("EXECABORT", "a command before it failed"),
    ("IOERR", "the server cannot move the key"),
    ("LOADING", "the server loads its data"),
    ("MASTERDOWN", "the replica has no primary"),
    ("MISCONF", "the server cannot save its data"),
    ("MOVED", "the key is at another node"),
    ("NOAUTH", "the server wants a login"),
    ("NOMASTERLINK", "the replica has no primary"),
    ("NOPERM", "the user lacks a right"),
    ("NOPROTO", "the server does not speak RESP3"),
    ("NOREPLICAS", "too few replicas are connected"),
    ("NOSCRIPT", "the server does not know the script"),
    ("OOM", "the server has no memory left"),
    ("READONLY", "the server is a replica"),
    ("TRYAGAIN", "the keys are on their way to another node"),
    ("UNBLOCKED", "the server became a replica"),
    ("UNKILLABLE", "a script blocks the server"),
    ("WRONGPASS", "the user or the password is wrong"),
    ("WRONGTYPE", "the key holds something of another kind"),
];

/// What the general error may be about, by a part of its text.
const MEANINGS: &[(&str, &str)] = &[
    ("unknown command", "the server does not know a command"),
    ("DB index is out of range", "the index is out of range"),
    ("invalid DB index", "the index is out of range"),
    ("max number of clients", "the server has too many clients"),
    ("cluster support disabled", NO_CLUSTER),
    ("not an integer or out of range", "a number is out of range"),
    ("Error compiling script", "the script cannot be read"),
    (
        "wrong number of arguments",
        "a command has too few arguments",
    ),
];

const NO_CLUSTER: &str = "the server is not a node of a cluster";

impl Said {
    pub(super) fn of(error: &ServerError) -> Self {
        Self::new(error.code(), error.details())
    }

    /// `None` if it was not the server.
    pub(super) fn within(error: &RedisError) -> Option<Self> {
        Some(Self::new(error.code()?, error.detail()))
    }

    fn new(code: &str, details: Option<&str>) -> Self {
        let details = details.unwrap_or_default();
        let redirection = Redirection::read(code, details);
        let code = if code == "ERR" { inner(details) } else { code };
        let known = CODES.iter().find(|(known, _)| *known == code);
        let told = MEANINGS.iter().find(|(part, _)| details.contains(part));
        let told = told.filter(|_| code == "ERR").or(known);
        Self {
            code: known.map(|(code, _)| *code),
            meaning: told.map(|(_, meaning)| *meaning),
            redirection,
        }
    }

    /// The word that the server's error begins with, or would if it were not of a
    /// command in a script.
    pub(super) fn code(&self) -> Option<&'static str> {
        self.code
    }

    /// Whether the server knows the caller too little for a call.
    pub(super) fn is_denied(&self) -> bool {
        matches!(self.code, Some("NOAUTH" | "NOPERM" | "WRONGPASS"))
    }

    pub(super) fn has_no_cluster(&self) -> bool {
        self.meaning == Some(NO_CLUSTER)
    }
}

/// The code in "Error running script (call to f_…): @user_script:1: -OOM command not allowed".
/// Before 7.0, errors of commands in scripts were wrapped into a general one.
fn inner(details: &str) -> &str {
    // Before 7.2, a right that is missing there has no word of its own.
    if details.contains("user executing the script can't") {
        return "NOPERM";
    }
    let mut words = details.split_ascii_whitespace();
    let code = words.find_map(|word| {
        let code = word.strip_prefix('-')?;
        (code.len() > 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
    });
    code.unwrap_or("ERR")
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.meaning) {
            (Some(code), Some(meaning)) => write!(f, "{code} ({meaning})"),
            _ => f.write_str("an error with an unknown code"),
        }
    }
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;

    fn said(reply: &str) -> Said {
        match redis::parse_redis_value(format!("-{reply}\r\n").as_bytes()) {
            Ok(Value::ServerError(error)) => Said::of(&error),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_is_shown_but_known_codes_and_our_own_words() {
        for (reply, shown) in [
            ("OOM hunter2", "OOM (the server has no memory left)"),
            ("ERR hunter2", "ERR (no more than that)"),
            ("HUNTER2 hunter2", "an error with an unknown code"),
            ("hunter2", "an error with an unknown code"),
            (
                "ERR unknown command 'AUTH', with args beginning with: 'hunter2'",
                "ERR (the server does not know a command)",
            ),
            (
                "NOPERM User hunter2 has no permissions to access the 'hunter2' key",
                "NOPERM (the user lacks a right)",
            ),
            ("MOVED 1 hunter2:1", "MOVED (the key is at another node)"),
            (
                "ERR script: -HUNTER hunter2",
                "an error with an unknown code",
            ),
        ] {
            let said = said(reply);
            assert_eq!(said.to_string(), shown, "{reply}");
        }
    }

    #[test]
    fn each_code_stands_there_once_and_in_order() {
        assert!(CODES.is_sorted_by(|one, other| one.0 < other.0));
    }
}
