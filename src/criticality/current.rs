//! The level of the running work, without passing it as an argument.
//!
//! `concurrency` sets it around each poll of a handler and a body; `propagate`
//! and `client::throttle` read it.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::level::Criticality;

thread_local! {
    static CURRENT: Cell<Option<Criticality>> = const { Cell::new(None) };
}

/// Returns the level of the calling work, if it has one.
///
/// A [`ConcurrencyLayer`](crate::concurrency::ConcurrencyLayer) with a
/// [priority](crate::concurrency::ConcurrencyLayer::priority) sets it for the
/// handler, and [`scope`] for any other future. A spawned task has none, unless
/// its future was wrapped by [`carry`].
#[inline]
pub fn current() -> Option<Criticality> {
    CURRENT.get()
}

/// Runs `work` under the lower of this level and the [current](current) one at
/// the time of the call.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use sluicegate::criticality::{self, Criticality};
///
/// criticality::scope(Criticality::Sheddable, async {
///     assert_eq!(criticality::current(), Some(Criticality::Sheddable));
///     // Work for a request is never more important than the request.
///     criticality::scope(Criticality::Critical, async {
///         assert_eq!(criticality::current(), Some(Criticality::Sheddable));
///     })
///     .await;
/// })
/// .await;
/// assert_eq!(criticality::current(), None);
/// # }
/// ```
pub fn scope<F: Future>(level: Criticality, work: F) -> WithCriticality<F> {
    let level = current().map_or(level, |most| level.lowered_to(most));
    WithCriticality::new(Some(level), work)
}

/// Takes the current level along into another task.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use sluicegate::criticality::{self, Criticality};
///
/// criticality::scope(Criticality::Sheddable, async {
///     let carried = tokio::spawn(criticality::carry(async { criticality::current() }));
///     assert_eq!(carried.await.unwrap(), Some(Criticality::Sheddable));
///     let bare = tokio::spawn(async { criticality::current() });
///     assert_eq!(bare.await.unwrap(), None);
/// })
/// .await;
/// # }
/// ```
pub fn carry<F: Future>(work: F) -> WithCriticality<F> {
    WithCriticality::new(current(), work)
}

pin_project! {
    /// The future that [`scope`] and [`carry`] return.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct WithCriticality<F> {
        // `None` once it was ready, and while this is dropped.
        #[pin]
        work: Option<F>,
        level: Option<Criticality>,
    }

    impl<F> PinnedDrop for WithCriticality<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // The drop of the work sees the same level.
            let _running = Running::at(*this.level);
            this.work.set(None);
        }
    }
}

impl<F: Future> WithCriticality<F> {
    fn new(level: Option<Criticality>, work: F) -> Self {
        Self {
            work: Some(work),
            level,
        }
    }
}

impl<F: Future> Future for WithCriticality<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _running = Running::at(*this.level);
        let work = this.work.as_mut().as_pin_mut();
        let polled = work.expect("polled after it was done").poll(cx);
        if polled.is_ready() {
            this.work.set(None);
        }
        polled
    }
}

/// Makes a level the current one until it is dropped, which a panic does, too.
#[must_use]
pub(crate) struct Running {
    outer: Option<Criticality>,
}

impl Running {
    #[inline]
    pub(crate) fn at(level: Option<Criticality>) -> Self {
        Self {
            outer: CURRENT.replace(level),
        }
    }
}

impl Drop for Running {
    #[inline]
    fn drop(&mut self) {
        CURRENT.set(self.outer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn futures_of_one_task_do_not_see_each_others_levels() {
        let ask = |level| {
            scope(level, async move {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                    assert_eq!(current(), Some(level));
                }
            })
        };
        tokio::join!(ask(Criticality::Sheddable), ask(Criticality::CriticalPlus));
        assert_eq!(current(), None);
    }

    #[test]
    fn a_panic_leaves_no_level_behind() {
        let work = || {
            let _running = Running::at(Some(Criticality::Sheddable));
            panic!("on purpose");
        };
        assert!(std::panic::catch_unwind(work).is_err());
        assert_eq!(current(), None);
    }
}
