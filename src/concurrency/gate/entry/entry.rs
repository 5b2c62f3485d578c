//! The outcome of a request for a permit.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::waiting::Waiting;
use crate::concurrency::{gate::permit::Permit, shed::Shed};

/// The outcome of a request for a permit: it has one, or waits, or is refused.
///
/// A caller that does not mind the difference can await it:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use sluicegate::concurrency::{Ask, Local};
///
/// let permits = Local::new(10);
/// let permit = permits.acquire(Ask::new()).await;
/// assert!(permit.is_ok());
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a permit is given back when it is dropped"]
pub enum Entry {
    /// A permit was free.
    Admitted(Permit),
    /// It waits in the queue. Dropping the future ends the wait.
    Queued(Waiting),
    /// It was refused at once.
    Refused(Shed),
}

impl Future for Entry {
    type Output = Result<Permit, Shed>;

    /// # Panics
    ///
    /// If it is polled after it has ended, or if it has to wait outside of a
    /// tokio runtime with a timer.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Self::Queued(waiting) = &mut *self {
            return Pin::new(waiting).poll(cx);
        }
        // Never seen, because a future that has ended is not polled again.
        match std::mem::replace(&mut *self, Self::Refused(Shed::Full)) {
            Self::Admitted(permit) => Poll::Ready(Ok(permit)),
            Self::Refused(shed) => Poll::Ready(Err(shed)),
            Self::Queued(_) => unreachable!("polled above"),
        }
    }
}
