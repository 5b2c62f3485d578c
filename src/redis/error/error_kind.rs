//! The kinds of errors, by which callers tell whether a call may have run.

/// The kinds of [`Error`](super::Error).
///
/// They tell whether the call may have run: after `CircuitOpen` and `Overloaded`
/// it certainly did not, after `Unreachable` and `TimedOut` it may have.
///
/// ```
/// use sluicegate::redis::{Connection, ErrorKind};
///
/// let error = Connection::builder("localhost").lazy().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Config);
/// assert!(error.to_string().contains("scheme"));
/// ```
///
/// | kind | may the call have run? | counts against the breaker |
/// |---|---|---|
/// | `Config` | no | yes |
/// | `Unreachable`, `TimedOut` | yes | yes |
/// | `CircuitOpen`, `Overloaded` | no | no |
/// | `Server` | no, unless its script failed | if any call would get it |
/// | `Reply`, `Unreadable` | yes | no |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting cannot work: an address, a password, a database, a prefix. The
    /// text names the field, its value and what is allowed.
    Config,
    /// The connection to the server could not be made, or it broke, or there is
    /// no tokio runtime. If it broke in the middle of a call, the call may have
    /// been carried out.
    Unreachable,
    /// No reply came within the timeout. The call may have been carried out.
    TimedOut,
    /// The call was not sent: too many failed in a row, and no probe has passed
    /// since.
    CircuitOpen,
    /// The server answered with an error.
    Server,
    /// The call was not sent: too many are waiting already.
    Overloaded,
    /// The server's reply has an unexpected form.
    Reply,
    /// The server answered, but its value under the key cannot be read, because
    /// another version of this crate or another program wrote it. The value was
    /// left as it is. The server does not count as failing.
    Unreadable,
}
