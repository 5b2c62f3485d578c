//! A stream with a pace.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::turn::{ItemCost, Pace};
use crate::{
    clock::Clock,
    limit::{
        local::{Direct, Local},
        rules::{quota::Cost, rule::Rule},
    },
};

pin_project! {
    /// A stream that keeps to a limit; see the [module docs](super).
    ///
    /// It holds at most one item, which waits.
    #[must_use = "streams do nothing unless polled"]
    pub struct PacedStream<S: Stream, R: Rule, C, F = ()> {
        #[pin]
        stream: S,
        // The item that the stream yielded and that waits.
        waiting: Option<S::Item>,
        pace: Pace<R, C, F>,
    }
}

impl<S: Stream, R: Rule, C: Clock> PacedStream<S, R, C> {
    /// Yields items no faster than the limiter allows, each at a cost of 1.
    pub fn new(stream: S, limiter: Local<R, Direct, C>) -> Self {
        Self {
            stream,
            waiting: None,
            pace: Pace::new(limiter),
        }
    }
}

impl<S: Stream, R: Rule, C: Clock, F> PacedStream<S, R, C, F> {
    /// Sets the cost of an item: 1 unless set.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use futures_util::{StreamExt, stream};
    /// use sluicegate::{clock, limit::{Local, Quota, TokenBucket, pace::PacedStream}};
    ///
    /// let rule = TokenBucket::new(Quota::per_second(4));
    /// let limiter = Local::builder(rule).clock(clock::Tokio::new()).direct();
    /// let words = PacedStream::new(stream::iter(["long", "word"]), limiter)
    ///     .cost(|word: &&str| word.len() as u64);
    /// assert_eq!(words.count().await, 2);
    /// # }
    /// ```
    pub fn cost<F2: Fn(&S::Item) -> Cost>(self, cost: F2) -> PacedStream<S, R, C, F2> {
        PacedStream {
            stream: self.stream,
            waiting: self.waiting,
            pace: self.pace.cost(cost),
        }
    }

    /// Returns the stream. An item that waits is lost.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: Stream, R: Rule, C: Clock, F: ItemCost<S::Item>> Stream for PacedStream<S, R, C, F> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        if this.waiting.is_none() {
            let Some(item) = ready!(this.stream.as_mut().poll_next(cx)) else {
                return Poll::Ready(None);
            };
            this.pace.queue(this.pace.cost.item_cost(&item));
            *this.waiting = Some(item);
        }
        ready!(this.pace.poll_turn(cx));
        Poll::Ready(this.waiting.take())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.stream.size_hint();
        let waiting = usize::from(self.waiting.is_some());
        (
            least.saturating_add(waiting),
            most.and_then(|most| most.checked_add(waiting)),
        )
    }
}

impl<S: Stream + fmt::Debug, R: Rule, C: fmt::Debug, F> fmt::Debug for PacedStream<S, R, C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacedStream")
            .field("stream", &self.stream)
            .field("limiter", &self.pace.limiter)
            .finish_non_exhaustive()
    }
}
