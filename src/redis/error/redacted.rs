//! A server's error, reduced to its code, if that is a known one, and a meaning
//! in words of this crate. The rest of the server's message may repeat keys,
//! arguments, users and passwords, so it never gets into an
//! [`Error`](crate::redis::Error).

use std::fmt;

use redis::{RedisError, ServerError};

use super::redirection::Redirection;

/// A server's error without what may be secret.
///
/// Both parts are constants of this crate, so no byte of the server's message
/// can get into a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RedactedError {
    /// `None` if the code is not in [`CODES`].
    code: Option<&'static str>,
    /// The explanation for the text of the error.
    meaning: Option<&'static str>,
    /// The node that has the keys, if the error names one.
    pub(crate) redirection: Option<Redirection>,
}

/// The codes that may be shown, each with its meaning, in alphabetical order.
const CODES: &[(&str, &str)] = &[
    ("ASK", "the key is on its way to another node"),
    ("BUSY", "a script blocks the server"),
    ("CLUSTERDOWN", "the cluster has no node for some slots"),
    ("CROSSSLOT", "the keys are in different slots"),
    ("DENIED", "the server is in protected mode"),
    ("ERR", "without further detail"),
    ("EXECABORT", "a command before it failed"),
    ("IOERR", "the server cannot move the key"),
    ("LOADING", "the server loads its data"),
    ("MASTERDOWN", "the replica has no primary"),
    ("MISCONF", "the server cannot save its data"),
    ("MOVED", "the key is at another node"),
    ("NOAUTH", "the server requires a login"),
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
    ("WRONGTYPE", "the key holds a value of another type"),
];

/// Meanings of the general code `ERR`, by a part of the message.
const MEANINGS: &[(&str, &str)] = &[
    ("unknown command", "the server does not know a command"),
    ("DB index is out of range", "the index is out of range"),
    ("invalid DB index", "the index is out of range"),
    ("max number of clients", "the server has too many clients"),
    ("cluster support disabled", NO_CLUSTER),
    ("not an integer or out of range", "a number is out of range"),
    ("Error compiling script", "the script does not compile"),
    (
        "wrong number of arguments",
        "a command has the wrong number of arguments",
    ),
];

/// The meaning that [`RedactedError::has_no_cluster`] looks for.
const NO_CLUSTER: &str = "the server is not a node of a cluster";

impl RedactedError {
    /// Reduces an error that the server sent as a reply.
    pub(crate) fn of(error: &ServerError) -> Self {
        Self::new(error.code(), error.details())
    }

    /// Returns the server's error inside the client library's; `None` if it did
    /// not come from the server.
    pub(crate) fn within(error: &RedisError) -> Option<Self> {
        Some(Self::new(error.code()?, error.detail()))
    }

    /// Reduces an error with this code and these details, which may be
    /// anything.
    fn new(code: &str, details: Option<&str>) -> Self {
        let details = details.unwrap_or_default();
        let redirection = Redirection::read(code, details);
        let code = if code == "ERR" { inner(details) } else { code };
        let known = CODES.iter().find(|(known, _)| *known == code);
        let meaning = MEANINGS.iter().find(|(part, _)| details.contains(part));
        let meaning = meaning.filter(|_| code == "ERR").or(known);
        Self {
            code: known.map(|(code, _)| *code),
            meaning: meaning.map(|(_, meaning)| *meaning),
            redirection,
        }
    }

    /// Returns the first word of the error; for an error inside a script, that
    /// of the command that failed.
    pub(crate) fn code(&self) -> Option<&'static str> {
        self.code
    }

    /// Whether the user may not log in, or may not run the call.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self.code, Some("NOAUTH" | "NOPERM" | "WRONGPASS"))
    }

    /// Whether the server is not a node of a cluster.
    pub(crate) fn has_no_cluster(&self) -> bool {
        self.meaning == Some(NO_CLUSTER)
    }
}

/// Returns the code inside an error of a script, as in "Error running script
/// (call to f_...): @user_script:1: -OOM command not allowed". Servers before
/// 7.0 wrap the error of a command into a general one.
///
/// The code is the first word of capitals behind a hyphen.
fn inner(details: &str) -> &str {
    // Servers before 7.2 have no code for a right that is missing in a script.
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

impl fmt::Display for RedactedError {
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

    fn said(reply: &str) -> RedactedError {
        match redis::parse_redis_value(format!("-{reply}\r\n").as_bytes()) {
            Ok(Value::ServerError(error)) => RedactedError::of(&error),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_known_codes_and_fixed_texts_are_shown() {
        for (reply, redacted) in [
            ("OOM hunter2", "OOM (the server has no memory left)"),
            ("ERR hunter2", "ERR (without further detail)"),
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
            assert_eq!(said.to_string(), redacted, "{reply}");
        }
    }

    #[test]
    fn each_code_is_listed_once_and_in_order() {
        assert!(CODES.is_sorted_by(|one, other| one.0 < other.0));
    }
}
