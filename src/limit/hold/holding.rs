//! A hold, at once or later.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::hold::Hold;
use crate::limit::decision::Decision;

/// A hold, or the reason why there is none.
type Answer<E> = Result<Hold, HoldError<E>>;

/// The future of a hold.
///
/// With a limiter in this process it is ready at once, unless the caller has to
/// wait for its turn. Dropped before it is done, it gives back what it has
/// charged.
#[must_use = "futures do nothing unless polled; dropped, the charge is given back"]
pub struct Holding<E = Infallible>(State<E>);

enum State<E> {
    /// `None` once it was taken.
    Now(Option<Answer<E>>),
    Later(Pin<Box<dyn Future<Output = Answer<E>> + Send>>),
}

impl<E> Holding<E> {
    /// Creates one that is ready.
    pub fn now(answer: Result<Hold, HoldError<E>>) -> Self {
        Self(State::Now(Some(answer)))
    }

    /// Creates one that a future decides. The future owns what it has charged,
    /// and gives it back when it is dropped.
    pub fn later(
        answer: impl Future<Output = Result<Hold, HoldError<E>>> + Send + 'static,
    ) -> Self {
        Self(State::Later(Box::pin(answer)))
    }

    /// Converts the error of the limiter.
    pub(crate) fn map_err<E2>(self, map: impl FnOnce(E) -> E2 + Send + 'static) -> Holding<E2>
    where
        E: Send + 'static,
    {
        let map = move |error| match error {
            HoldError::Denied(denial) => HoldError::Denied(denial),
            HoldError::Limiter(error) => HoldError::Limiter(map(error)),
        };
        match self.try_now() {
            Ok(answer) => Holding::now(answer.map_err(map)),
            Err(pending) => Holding::later(async move { pending.await.map_err(map) }),
        }
    }

    /// Returns the answer if it is ready without being polled.
    ///
    /// # Errors
    ///
    /// With the future itself if it has to be polled.
    pub fn try_now(mut self) -> Result<Result<Hold, HoldError<E>>, Self> {
        match &mut self.0 {
            State::Now(answer) => answer.take().ok_or(self),
            State::Later(_) => Err(self),
        }
    }
}

impl<E> Future for Holding<E> {
    type Output = Result<Hold, HoldError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Now(answer) => Poll::Ready(answer.take().expect("polled after completion")),
            State::Later(answer) => answer.as_mut().poll(cx),
        }
    }
}

// Nothing in it is pinned in place: the future of `Later` is boxed.
impl<E> Unpin for Holding<E> {}

impl<E> Drop for Holding<E> {
    fn drop(&mut self) {
        if let State::Now(answer) = &mut self.0
            && let Some(Ok(hold)) = answer.take()
        {
            hold.give_back();
        }
    }
}

impl<E> fmt::Debug for Holding<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holding")
    }
}

/// The reason why an estimate is not held. Nothing is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldError<E = Infallible> {
    /// The budget does not have it.
    Denied(Decision),
    /// The limiter could not decide, such as Redis under `FailClosed`.
    Limiter(E),
}

impl<E> HoldError<E> {
    /// Returns the denial, unless the limiter failed.
    pub fn denial(&self) -> Option<&Decision> {
        match self {
            Self::Denied(denial) => Some(denial),
            Self::Limiter(_) => None,
        }
    }
}

impl<E> fmt::Display for HoldError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(denial) => match denial.retry_after() {
                Some(after) => write!(f, "over the limit, retry in {after:?}"),
                None => f.write_str("over the limit, the estimate never fits"),
            },
            Self::Limiter(_) => f.write_str("the limiter could not decide"),
        }
    }
}

impl<E: Error + 'static> Error for HoldError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Denied(_) => None,
            Self::Limiter(error) => Some(error),
        }
    }
}
