//! Why there is no value.

use std::{
    any::Any,
    error, fmt,
    time::{Duration, SystemTime},
};

use tokio::task::JoinError;

use crate::{idempotency::store::StoreError, refusal::BoxError};

/// Why there is no value of work that is to be done once.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError<E> {
    /// The work returned this error; see [`OnError`](super::run_once::OnError).
    Failed(E),
    /// The work panicked. How far it came is unknown, and its lease will lapse.
    Panicked {
        /// What the panic said, if that was text.
        message: String,
        /// When it was noticed, by this machine's clock.
        at: SystemTime,
        /// How long the work had been running, with its claim.
        after: Duration,
    },
    /// The runtime was shut down while the work ran. How far it came is unknown,
    /// and its lease will lapse.
    ShutDown,
    /// It ended, but its lease had gone to another by then, whose value counts:
    /// ask again for that.
    Lost,
    /// Another is at it.
    Running {
        /// Until its lease lapses, unless it is renewed.
        left: Duration,
    },
    /// Another fingerprint has this name.
    Mismatch,
    /// It was begun before, nobody knows how that ended, and
    /// [`Takeover::Refuse`](crate::idempotency::Takeover) is set.
    Unknown,
    /// It was done before, and its value was not kept.
    Omitted,
    /// It was done before, and its value cannot be read, for this reason.
    Unreadable(BoxError),
    /// The store failed: it may or may not have been done before.
    Store(StoreError),
}

impl<E> RunError<E> {
    /// The error of a task that ended without a value.
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

/// What `panic!` was given: a literal, or text that was formatted.
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
            Self::Lost => f.write_str("the work ended after its lease had gone to another"),
            Self::Running { .. } => f.write_str("the same work is running"),
            Self::Mismatch => f.write_str("other work has this name"),
            Self::Unknown => f.write_str("the same work was begun, and its outcome is unknown"),
            Self::Omitted => f.write_str("the work was done, and its value was not kept"),
            Self::Unreadable(_) => f.write_str("the work was done, and its value cannot be read"),
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
