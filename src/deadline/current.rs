//! The deadline of the running work, without passing it as an argument.
//!
//! `enforce` sets it around each poll of a handler and a body; `propagate`,
//! limits and stores read it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{Cancellation, Deadline, current_view::CurrentView, view};

/// Returns the deadline of the calling work, if it has one.
///
/// [`EnforceDeadlineLayer`](super::EnforceDeadlineLayer) sets it for the
/// handler, and [`scope`] for any other future. A spawned task has none, unless
/// its future was wrapped by [`carry`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use sluicegate::deadline::{self, Deadline};
///
/// /// Gives a query less time than the request has.
/// fn timeout() -> Duration {
///     let longest = Duration::from_secs(5);
///     deadline::current().map_or(longest, |it| it.remaining().min(longest))
/// }
///
/// let request = Deadline::after(Duration::from_secs(1));
/// assert_eq!(deadline::scope(request, async { timeout() }).await, Duration::from_secs(1));
/// assert_eq!(timeout(), Duration::from_secs(5));
/// # }
/// ```
#[inline]
pub fn current() -> Option<Deadline> {
    view::deadline()
}

/// Returns the cancellation of the request that this is called from.
///
/// Where no [`EnforceDeadlineLayer`](super::EnforceDeadlineLayer) has set a
/// deadline, it fires at the [current](current) one, if there is one. Under a
/// [`DrainLayer`](crate::drain::DrainLayer), under a
/// [`DrainGuard`](crate::drain::DrainGuard), and in work that was
/// [carried](carry) out of them, it also fires when the drain cancels; in the
/// [scope](super::registry::Claim::scope) of a claim, when that is cancelled.
pub fn cancellation() -> Cancellation {
    view::signal().unwrap_or_else(|| {
        let CurrentView { carried, .. } = CurrentView::get();
        Cancellation::new(current(), carried)
    })
}

/// Runs `work` under the earlier of this deadline and the [current](current)
/// one at the time of the call.
///
/// This only makes the deadline known and does not stop the work; for that, see
/// [`Deadline::passed`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use sluicegate::deadline::{self, Deadline};
///
/// let second = Deadline::after(Duration::from_secs(1));
/// let hour = Deadline::after(Duration::from_secs(3_600));
/// deadline::scope(second, async move {
///     assert_eq!(deadline::current(), Some(second));
///     deadline::scope(hour, async move {
///         assert_eq!(deadline::current(), Some(second));
///     })
///     .await;
/// })
/// .await;
/// assert_eq!(deadline::current(), None);
/// # }
/// ```
pub fn scope<F: Future>(deadline: Deadline, work: F) -> Scope<F> {
    match current() {
        // `carry`, because the work may go to another task, where it has to
        // learn that the deadline of the request no longer counts.
        Some(earlier) if earlier <= deadline => carry(work),
        _ => Scope::new(
            CurrentView {
                deadline: Some(deadline),
                ..CurrentView::default()
            },
            work,
        ),
    }
}

/// Takes the current deadline along into another task, and the signal of the
/// [drain](crate::drain). The drain does not wait for that task, unless it has a
/// [`DrainGuard`](crate::drain::DrainGuard).
///
/// The deadline stops to count there when it stops to count for the request: after the
/// head of a response that it does not [cover](super::Coverage) further.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use sluicegate::deadline::{self, Deadline};
///
/// let second = Deadline::after(Duration::from_secs(1));
/// deadline::scope(second, async move {
///     let carried = tokio::spawn(deadline::carry(async { deadline::current() }));
///     assert_eq!(carried.await.unwrap(), Some(second));
///     let bare = tokio::spawn(async { deadline::current() });
///     assert_eq!(bare.await.unwrap(), None);
/// })
/// .await;
/// # }
/// ```
pub fn carry<F: Future>(work: F) -> Scope<F> {
    Scope::new(CurrentView::carry(), work)
}

/// Runs `work` under a claimed deadline: the current one is the earlier of the
/// two, and `cancellation` fires also when the claim is cancelled.
pub(super) fn scope_claimed<F: Future>(
    deadline: Deadline,
    claim: Cancellation,
    work: F,
) -> Scope<F> {
    let mut view = CurrentView::carry();
    let earlier = current().filter(|outer| *outer <= deadline);
    view.deadline = Some(earlier.unwrap_or(deadline));
    view.carried = Some(claim);
    Scope::new(view, work)
}

/// Runs `work` without a deadline.
///
/// Use it for work that must be finished once it has begun, such as an audit
/// entry or the release of a lock. Its calls to other services do not pass the
/// request's deadline on.
///
/// The work is still dropped with the request's own future. Spawn it if it must
/// survive that:
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use sluicegate::deadline;
///
/// tokio::spawn(deadline::detach(async {
///     assert_eq!(deadline::current(), None);
/// }));
/// # }
/// ```
pub fn detach<F: Future>(work: F) -> Scope<F> {
    Scope::new(CurrentView::default(), work)
}

pin_project! {
    /// The future that [`scope`], [`carry`] and [`detach`] return.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Scope<F> {
        // `None` once it was ready, and while this is dropped.
        #[pin]
        work: Option<F>,
        current: CurrentView,
    }

    impl<F> PinnedDrop for Scope<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // The drop of the work sees the same deadline.
            this.current.run(|| this.work.set(None));
        }
    }
}

impl<F: Future> Scope<F> {
    fn new(current: CurrentView, work: F) -> Self {
        Self {
            work: Some(work),
            current,
        }
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        this.current.run(|| {
            let work = this.work.as_mut().as_pin_mut();
            let polled = work.expect("polled after it was done").poll(cx);
            if polled.is_ready() {
                this.work.set(None);
            }
            polled
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn detached_work_has_none_and_carried_work_keeps_it() {
        let deadline = Deadline::after(Duration::from_secs(1));
        scope(deadline, async move {
            detach(async { assert_eq!(current(), None) }).await;
            let carried = carry(async { current() });
            let elsewhere = tokio::spawn(carried).await.unwrap();
            assert_eq!(elsewhere, Some(deadline));
            assert_eq!(current(), Some(deadline));
        })
        .await;
        assert_eq!(current(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn futures_of_one_task_do_not_see_each_others_deadlines() {
        let (one, two) = (1, 2);
        let ask = |seconds| {
            let deadline = Deadline::after(Duration::from_secs(seconds));
            scope(deadline, async move {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                    assert_eq!(current(), Some(deadline));
                }
            })
        };
        tokio::join!(ask(one), ask(two));
    }
}
