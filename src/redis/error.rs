//! What can go wrong between a caller and its server.

use std::{
    borrow::Cow,
    convert::Infallible,
    error, fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use redis::RedisError;

use super::{lost, said::Said};

/// Why Redis gave no answer.
///
/// It shows addresses, and of a server's error the code, such as `WRONGTYPE`, if that
/// is a known one. It never shows what else a server said, which may repeat keys,
/// users and passwords: not in its text, not by `Debug`, and it has no source.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    said: Option<Said>,
    about: About,
    /// When Redis may answer again.
    retry: OnceLock<Duration>,
}

/// What an error is about, beside its kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Call,
    /// The script itself says so, and so has run.
    Script,
    /// Another call's answer, with which the connection ended.
    Other,
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something that was configured cannot work: an address, a password, a
    /// database, a prefix. The text names the field, its value and what is
    /// allowed.
    Config,
    /// There is no connection to the server, or it broke. If it broke in the
    /// middle of a call, the call may have been carried out.
    Unreachable,
    /// No answer within the timeout. The call may have been carried out.
    TimedOut,
    /// Not asked: too many calls failed in a row, and no probe has passed since.
    Shut,
    /// The server answered with an error.
    Server,
    /// Not asked: too many calls are waiting already.
    Overloaded,
    /// The server's answer makes no sense.
    Reply,
    /// The server answered, but what it holds under the key cannot be read:
    /// another version of this crate wrote it, or another program. It was left
    /// as it is, and the server is not held to be away.
    Unreadable,
}

/// Whoever cannot fail may stand where others can.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Error {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    pub(crate) fn config(
        field: &'static str,
        value: impl fmt::Display,
        allowed: impl fmt::Display,
    ) -> Self {
        let message = format!("invalid redis {field} {value}: must be {allowed}");
        Self::new(ErrorKind::Config, message, None, About::Call)
    }

    pub(crate) fn unreachable(server: &str, why: impl fmt::Display) -> Self {
        let message = format!("redis server {server} cannot be reached: {why}");
        Self::new(ErrorKind::Unreachable, message, None, About::Call)
    }

    pub(crate) fn timed_out(server: &str, after: Duration) -> Self {
        let message = format!("redis server {server} gave no answer within {after:?}");
        Self::new(ErrorKind::TimedOut, message, None, About::Call)
    }

    /// A question waited this long, and was not answered.
    pub(crate) fn late(after: Duration) -> Self {
        let message = format!("redis gave no answer within {after:?}");
        Self::new(ErrorKind::TimedOut, message, None, About::Call)
    }

    /// There is nothing to run a call on.
    pub(crate) fn no_runtime() -> Self {
        let message = "redis cannot be asked: there is no tokio runtime, or it has ended";
        Self::new(ErrorKind::Unreachable, message, None, About::Call)
    }

    pub(crate) fn shut() -> Self {
        let message = "redis is not asked: calls failed in a row, and no probe has passed since";
        Self::new(ErrorKind::Shut, message, None, About::Call)
    }

    pub(crate) fn overloaded(waiting: usize) -> Self {
        let message = format!("redis is not asked: {waiting} calls are waiting already");
        Self::new(ErrorKind::Overloaded, message, None, About::Call)
    }

    pub(crate) fn reply(what: impl fmt::Display) -> Self {
        let message = format!("redis gave an answer that makes no sense: {what}");
        Self::new(ErrorKind::Reply, message, None, About::Call)
    }

    /// What is kept of this cannot be read. Says no key: keys are users'.
    pub(crate) fn unreadable(what: &str) -> Self {
        let message = format!(
            "redis holds a state of {what} that cannot be read, from another version or \
             another program: reset the key, or wait until it expires"
        );
        Self::new(ErrorKind::Unreadable, message, None, About::Call)
    }

    /// The server's error, instead of running a call.
    pub(super) fn refused(server: &str, said: Said) -> Self {
        let message = format!("redis server {server} refused the call: {said}");
        Self::new(ErrorKind::Server, message, Some(said), About::Call)
    }

    /// The error with which a script ended.
    pub(super) fn failed(server: &str, said: Said) -> Self {
        let message = format!("redis server {server} refused the call: {said}");
        Self::new(ErrorKind::Server, message, Some(said), About::Script)
    }

    /// The client library's error of a call.
    pub(super) fn lost(server: &str, error: &RedisError) -> Self {
        if let Some(said) = Said::within(error) {
            return Self::refused(server, said);
        }
        let message = format!("redis server {server} was lost: {}", lost::why(error));
        Self::new(ErrorKind::Unreachable, message, None, About::Call)
    }

    /// An answer showed that it belongs to another question.
    pub(super) fn mixed_up(server: &str) -> Self {
        let why = "an answer belonged to another question; the connection was closed";
        Self::unreachable(server, why)
    }

    /// The same, when another caller was given that answer.
    pub(super) fn cut(server: &str) -> Self {
        let Self(mixed_up) = Self::mixed_up(server);
        let message = mixed_up.message.clone();
        Self::new(ErrorKind::Unreachable, message, None, About::Other)
    }

    /// Whether it says nothing about the server that another call's error did not.
    pub(super) fn is_cut(&self) -> bool {
        self.0.about == About::Other
    }

    fn new(
        kind: ErrorKind,
        message: impl Into<Cow<'static, str>>,
        said: Option<Said>,
        about: About,
    ) -> Self {
        let message = message.into();
        Self(Arc::new(Inner {
            kind,
            message,
            said,
            about,
            retry: OnceLock::new(),
        }))
    }

    /// When it is worth asking again: when the next probe of an open breaker is over,
    /// or a timeout later. `None` if that would not help, as of a wrong setting, or is
    /// not known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry.get().copied()
    }

    /// The same, which says when to ask again; what was said first stays.
    pub(super) fn retry_in(self, retry: Duration) -> Self {
        self.0.retry.get_or_init(|| retry);
        self
    }

    /// The word that the server's error begins with, such as `READONLY`.
    pub(super) fn code(&self) -> Option<&'static str> {
        self.said()?.code()
    }

    /// Whether the server did not know the script, and so ran nothing. The
    /// word of a command within a script would not prove that.
    pub(super) fn is_unknown_script(&self) -> bool {
        self.unrun().and_then(Said::code) == Some("NOSCRIPT")
    }

    /// What the server said instead of running the call.
    pub(super) fn unrun(&self) -> Option<&Said> {
        self.said().filter(|_| self.0.about == About::Call)
    }

    /// What is kept of what the server said, if this is its error.
    pub(super) fn said(&self) -> Option<&Said> {
        self.0.said.as_ref()
    }

    /// Whether the server has no room for what it was asked to write.
    #[cfg(feature = "idempotency")]
    pub(crate) fn is_full(&self) -> bool {
        self.code() == Some("OOM")
    }

    /// Whether it says that this server cannot decide at present, whatever the call.
    pub(super) fn is_outage(&self) -> bool {
        match self.kind() {
            ErrorKind::Config | ErrorKind::Unreachable | ErrorKind::TimedOut => true,
            ErrorKind::Server => self.code().is_some_and(|code| UNABLE.contains(&code)),
            ErrorKind::Shut | ErrorKind::Overloaded | ErrorKind::Reply | ErrorKind::Unreadable => {
                false
            }
        }
    }

    /// Whether the connection is broken, or leads to a server that is the
    /// wrong one by now.
    pub(super) fn ends_connection(&self) -> bool {
        match self.kind() {
            ErrorKind::Unreachable => true,
            ErrorKind::Server => self.code().is_some_and(|code| MISLED.contains(&code)),
            _ => false,
        }
    }
}

/// Errors of a server that would answer the same to any call.
const UNABLE: &[&str] = &[
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "OOM",
    "READONLY",
];

/// Errors after which another connection may lead to a better server.
const MISLED: &[&str] = &["CLUSTERDOWN", "LOADING", "MASTERDOWN", "NOAUTH", "READONLY"];

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redis::Error({:?}, {self})", self.kind())
    }
}

/// It has no source, which would quote the server.
impl error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(reply: &[u8]) -> Error {
        match redis::parse_redis_value(reply) {
            Ok(redis::Value::ServerError(error)) => {
                Error::refused("localhost:6379", Said::of(&error))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_error_within_a_script_is_known_in_old_and_new_servers() {
        let new = said(b"-OOM command not allowed when used memory > 'maxmemory'.\r\n");
        let old = said(
            b"-ERR Error running script (call to f_6b1): @user_script:1: @user_script: 1: \
              -OOM command not allowed when used memory > 'maxmemory'.\r\n",
        );
        for error in [new, old] {
            assert_eq!(error.code(), Some("OOM"));
            assert!(error.is_outage() && !error.ends_connection(), "{error}");
        }
    }

    #[test]
    fn a_right_that_a_script_lacks_is_known_in_old_and_new_servers() {
        let new = said(b"-NOPERM ACL failure in script: User app has no permissions\r\n");
        let old = said(
            b"-ERR The user executing the script can't run this command or subcommand \
              script: d3c, on @user_script:1.\r\n",
        );
        for error in [new, old] {
            assert_eq!(error.code(), Some("NOPERM"));
            assert!(error.is_outage(), "{error}");
        }
    }

    #[test]
    fn a_mistake_in_one_call_is_no_outage() {
        let mistake = said(b"-ERR value is not an integer or out of range\r\n");
        assert_eq!(mistake.kind(), ErrorKind::Server);
        assert!(!mistake.is_outage() && !mistake.ends_connection());
        assert!(said(b"-READONLY You can't write\r\n").ends_connection());
    }

    #[test]
    fn only_the_servers_own_word_means_that_nothing_ran() {
        let unknown = said(b"-NOSCRIPT No matching script.\r\n");
        assert!(unknown.is_unknown_script());
        let said = unknown.said().cloned().expect("an error of the server");
        let within = Error::failed("localhost:6379", said);
        assert_eq!(within.code(), Some("NOSCRIPT"));
        assert!(!within.is_unknown_script());
    }

    #[test]
    fn a_lost_connection_is_an_outage() {
        let lost = RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        let lost = Error::lost("localhost:6379", &lost);
        assert_eq!(lost.kind(), ErrorKind::Unreachable);
        assert!(lost.is_outage() && lost.ends_connection());
    }
}
