//! The error of a call to Redis, and what it says about the server.
//!
//! All modules that use Redis return it. It decides two things about the server
//! as well: whether the error counts against the breaker, and whether the
//! connection has to be made anew.

use std::{
    borrow::Cow,
    convert::Infallible,
    error, fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use redis::RedisError;

use super::{
    client_error, error_kind::ErrorKind, redacted::RedactedError, redirection::Redirection,
};

/// Why Redis gave no answer.
///
/// The text names addresses and, if the server answered with an error, its
/// code, such as `WRONGTYPE`, if the code is a known one. It never contains the
/// rest of a server's message, which may repeat keys, users and passwords.
/// Neither does its `Debug` output, and it has no source.
///
/// ```
/// use sluicegate::redis::Connection;
///
/// let error = Connection::builder("redis://app:s3cret@localhost/x").lazy().unwrap_err();
/// assert!(error.to_string().starts_with("invalid redis url redis://localhost/x: must be"));
/// assert!(!format!("{error:?}").contains("s3cret"));
/// ```
#[derive(Clone)]
pub struct Error(Arc<ErrorData>);

/// Behind a pointer, so that a result stays small.
struct ErrorData {
    /// The kind, which callers see.
    kind: ErrorKind,
    /// The text, which shows no secrets.
    message: Cow<'static, str>,
    /// The server's own error, without what may be secret.
    server_error: Option<RedactedError>,
    /// Tells whether the call may have run.
    origin: Origin,
    /// When Redis may answer again.
    retry: OnceLock<Duration>,
}

/// Where an error came up, beside its kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The call itself failed.
    Call,
    /// The script returned the error, so it has run.
    Script,
    /// The connection was closed because of another call's reply.
    OtherCall,
}

/// Lets an infallible limiter stand where a fallible one can.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Error {
    /// Returns the kind of error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the time after which a retry makes sense: when the next probe of
    /// an open breaker is over, or a timeout later. `None` if a retry would not
    /// help, as after a wrong setting, or if the time is not known.
    ///
    /// A refusal of a layer carries it as `retry-after`, so that clients come
    /// back when it makes sense.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry.get().copied()
    }

    /// A setting cannot work. `allowed` completes "must be".
    pub(crate) fn config(
        field: &'static str,
        value: impl fmt::Display,
        allowed: impl fmt::Display,
    ) -> Self {
        let message = format!("invalid redis {field} {value}: must be {allowed}");
        Self::new(ErrorKind::Config, message)
    }

    /// A server cannot be reached, or its connection cannot be used.
    pub(crate) fn unreachable(server: &str, reason: impl fmt::Display) -> Self {
        let message = format!("redis server {server} cannot be reached: {reason}");
        Self::new(ErrorKind::Unreachable, message)
    }

    /// A server did not reply within the timeout of a call.
    pub(crate) fn timed_out(server: &str, after: Duration) -> Self {
        let message = format!("redis server {server} did not reply within {after:?}");
        Self::new(ErrorKind::TimedOut, message)
    }

    /// A call waited this long, wherever it was, and got no reply.
    pub(crate) fn late(after: Duration) -> Self {
        Self::new(
            ErrorKind::TimedOut,
            format!("redis did not reply within {after:?}"),
        )
    }

    /// A call was made outside of a tokio runtime, or its runtime has ended.
    pub(crate) fn no_runtime() -> Self {
        let message = "redis was not called: there is no tokio runtime, or it has ended";
        Self::new(ErrorKind::Unreachable, message)
    }

    /// A breaker rejected the call, which was not sent.
    pub(crate) fn circuit_open() -> Self {
        let message = "redis was not called: the breaker is open until a probe passes";
        Self::new(ErrorKind::CircuitOpen, message)
    }

    /// A queue of calls is full, so the call was not sent.
    pub(crate) fn overloaded(waiting: usize) -> Self {
        let message = format!("redis was not called: {waiting} calls are waiting already");
        Self::new(ErrorKind::Overloaded, message)
    }

    /// A reply has another form than the expected one, such as `an array`.
    pub(crate) fn reply(expected: impl fmt::Display) -> Self {
        let message = format!("unexpected reply from redis: expected {expected}");
        Self::new(ErrorKind::Reply, message)
    }

    /// A value of this sort cannot be read. The message does not name the key,
    /// because keys belong to users.
    pub(crate) fn unreadable(sort: &str) -> Self {
        let message = format!(
            "redis holds a state of {sort} that cannot be read, from another version or \
             another program: reset the key, or wait until it expires"
        );
        Self::new(ErrorKind::Unreadable, message)
    }

    /// The server answered with an error, and ran nothing.
    pub(crate) fn refused(server: &str, error: RedactedError) -> Self {
        Self::of_server(server, error, Origin::Call)
    }

    /// The script ran, and ended with an error.
    pub(crate) fn failed(server: &str, error: RedactedError) -> Self {
        Self::of_server(server, error, Origin::Script)
    }

    /// The error that the client library returned for a call.
    pub(crate) fn from_client(server: &str, error: &RedisError) -> Self {
        if let Some(error) = RedactedError::within(error) {
            return Self::refused(server, error);
        }
        let reason = client_error::reason(error);
        let message = format!("connection to redis server {server} was lost: {reason}");
        Self::new(ErrorKind::Unreachable, message)
    }

    /// A reply showed that it belongs to another call.
    pub(crate) fn mixed_up(server: &str) -> Self {
        let reason = "a reply belonged to another call; the connection was closed";
        Self::unreachable(server, reason)
    }

    /// The connection was closed because another call got a wrong reply.
    ///
    /// The breaker has counted the error of the call that found it out.
    pub(crate) fn closed_by_other(server: &str) -> Self {
        let Self(mixed_up) = Self::mixed_up(server);
        let message = mixed_up.message.clone();
        Self::with(ErrorKind::Unreachable, message, None, Origin::OtherCall)
    }

    /// Whether another call's error already tells the breaker about this one.
    pub(crate) fn is_closed_by_other(&self) -> bool {
        self.0.origin == Origin::OtherCall
    }

    /// An error of this crate about a call.
    fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self::with(kind, message, None, Origin::Call)
    }

    /// An error that the server sent, whether or not the call ran.
    fn of_server(server: &str, error: RedactedError, origin: Origin) -> Self {
        let message = format!("redis server {server} refused the call: {error}");
        Self::with(ErrorKind::Server, message, Some(error), origin)
    }

    /// Puts all parts together.
    fn with(
        kind: ErrorKind,
        message: impl Into<Cow<'static, str>>,
        server_error: Option<RedactedError>,
        origin: Origin,
    ) -> Self {
        let message = message.into();
        Self(Arc::new(ErrorData {
            kind,
            message,
            server_error,
            origin,
            retry: OnceLock::new(),
        }))
    }

    /// Sets [`retry_after`](Self::retry_after), unless it is set already.
    ///
    /// The first value stays, because it is nearer to the cause.
    pub(crate) fn retry_in(self, retry: Duration) -> Self {
        self.0.retry.get_or_init(|| retry);
        self
    }

    /// Returns the first word of the server's error, such as `READONLY`.
    pub(crate) fn code(&self) -> Option<&'static str> {
        self.server_error()?.code()
    }

    /// Returns the server's own error, if this is one.
    pub(crate) fn server_error(&self) -> Option<&RedactedError> {
        self.0.server_error.as_ref()
    }

    /// Whether the server did not know the script, and so ran nothing. The code
    /// of a command within a script would not prove that.
    pub(crate) fn is_unknown_script(&self) -> bool {
        self.not_run().and_then(RedactedError::code) == Some("NOSCRIPT")
    }

    /// Returns the node that has the keys of the call, if the server named one.
    /// It ran nothing then.
    pub(crate) fn redirection(&self) -> Option<&Redirection> {
        self.not_run()?.redirection.as_ref()
    }

    /// Returns the error with which the server answered instead of running the
    /// call.
    fn not_run(&self) -> Option<&RedactedError> {
        self.server_error()
            .filter(|_| self.0.origin == Origin::Call)
    }

    /// Whether the server has no memory for the write.
    #[cfg(feature = "idempotency")]
    pub(crate) fn is_full(&self) -> bool {
        self.code() == Some("OOM")
    }

    /// Whether the server cannot run any call at present. Such an error counts
    /// against the breaker.
    ///
    /// A mistake in one call, such as a key of another type, says nothing about
    /// the server. Neither does a value that cannot be read.
    pub(crate) fn is_outage(&self) -> bool {
        match self.kind() {
            ErrorKind::Config | ErrorKind::Unreachable | ErrorKind::TimedOut => true,
            ErrorKind::Server => self.code().is_some_and(|code| OUTAGES.contains(&code)),
            ErrorKind::CircuitOpen
            | ErrorKind::Overloaded
            | ErrorKind::Reply
            | ErrorKind::Unreadable => false,
        }
    }

    /// Whether the connection is broken, or leads to the wrong server by now.
    ///
    /// Behind sentinels, a server that became a replica replies `READONLY`. A
    /// new connection asks the sentinels for the primary again.
    pub(crate) fn ends_connection(&self) -> bool {
        match self.kind() {
            ErrorKind::Unreachable => true,
            ErrorKind::Server => self.code().is_some_and(|code| WRONG_SERVER.contains(&code)),
            _ => false,
        }
    }
}

/// Codes of errors that any call would get at present.
const OUTAGES: &[&str] = &[
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

/// Codes of errors after which a new connection may lead to a better server.
const WRONG_SERVER: &[&str] = &["CLUSTERDOWN", "LOADING", "MASTERDOWN", "NOAUTH", "READONLY"];

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

/// Without a source, because the client library's error may quote the server.
impl error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(reply: &[u8]) -> Error {
        match redis::parse_redis_value(reply) {
            Ok(redis::Value::ServerError(error)) => {
                Error::refused("localhost:6379", RedactedError::of(&error))
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
    fn a_missing_right_of_a_script_is_known_in_old_and_new_servers() {
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
    fn a_mistake_in_one_call_is_not_an_outage() {
        let mistake = said(b"-ERR value is not an integer or out of range\r\n");
        assert_eq!(mistake.kind(), ErrorKind::Server);
        assert!(!mistake.is_outage() && !mistake.ends_connection());
        assert!(said(b"-READONLY You can't write\r\n").ends_connection());
    }

    #[test]
    fn only_the_code_of_the_server_itself_means_that_nothing_ran() {
        let unknown = said(b"-NOSCRIPT No matching script.\r\n");
        assert!(unknown.is_unknown_script());
        let redacted = unknown
            .server_error()
            .cloned()
            .expect("an error of the server");
        let within = Error::failed("localhost:6379", redacted);
        assert_eq!(within.code(), Some("NOSCRIPT"));
        assert!(!within.is_unknown_script());
    }

    #[test]
    fn a_lost_connection_is_an_outage() {
        let lost = RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        let lost = Error::from_client("localhost:6379", &lost);
        assert_eq!(lost.kind(), ErrorKind::Unreachable);
        assert!(lost.is_outage() && lost.ends_connection());
    }
}
