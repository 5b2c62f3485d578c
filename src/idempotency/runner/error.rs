//! Why a runner returns no value.

use std::{
    any::Any,
    error, fmt,
    time::{Duration, SystemTime},
};

use tokio::task::JoinError;

use crate::{idempotency::store::StoreError, refusal::BoxError};

/// Why a [`Runner`](super::Runner) returns no value.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError<E> {
    /// The work returned this error; see [`OnError`](super::run_once::OnError).
    Failed(E),
    /// The work panicked. It may have been done in part, and its lease will
    /// lapse.
    Panicked {
        /// The message of the panic, if it was text.
        message: String,
        /// When the panic was noticed, by this machine's clock.
        at: SystemTime,
        /// How long the claim and the work had taken until then.
        after: Duration,
    },
    /// The runtime was shut down while the work ran. It may have been done in
    /// part, and its lease will lapse.
    ShutDown,
    /// The work ended, but another holder had taken over its lease. That
    /// holder's value counts: run again to get it.
    Lost,
    /// Another holder is at work.
    Running {
        /// The time until its lease lapses, unless it is renewed.
        left: Duration,
    },
    /// Work with another fingerprint has this name.
    Mismatch,
    /// The work was begun before, its outcome is unknown, and
    /// [`Takeover::Refuse`](crate::idempotency::Takeover) is set.
    Unknown,
    /// The work was done before, and its value was not stored.
    Omitted,
    /// The work was done before, and its value cannot be read because of this
    /// error.
    Unreadable(BoxError),
    /// The store failed. The work may or may not have been done before.
    Store(StoreError),
}

impl<E> RunError<E> {
    /// Returns the error of a task that ended without a value.
    pub(crate) fn of_task(error: JoinError, after: Duration) -> Self {
        match error.try_into_panic() {
            Ok(panic) => Self::Panicked {
                message: text_of(&*panic),
                at: SystemTime::now(),
                after,
            },
            Err(_) => Self::ShutDown,
        }
    }
}

/// Returns the message of `panic!`: a literal, or formatted text.
fn text_of(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = literal.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "the panic carries no text".into())
}

impl<E: fmt::Display> fmt::Display for RunError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Panicked { message, after, .. } => {
                write!(f, "the work panicked after {after:?}: {message}")
            }
            Self::ShutDown => f.write_str("the runtime was shut down while the work ran"),
            Self::Lost => {
                f.write_str("the work ended after another holder had taken over its lease")
            }
            Self::Running { .. } => f.write_str("the same work is running"),
            Self::Mismatch => f.write_str("other work has this name"),
            Self::Unknown => f.write_str("the same work was begun, and its outcome is unknown"),
            Self::Omitted => f.write_str("the work was done, but its value was not stored"),
            Self::Unreadable(_) => f.write_str("the work was done, but its value cannot be read"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl<E: error::Error + 'static> error::Error for RunError<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            Self::Unreadable(source) => Some(&**source),
            Self::Store(error) => error.source(),
            _ => None,
        }
    }
}
