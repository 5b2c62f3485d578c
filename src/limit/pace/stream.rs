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

/// Paces a stream; see the [module docs](super).
pub trait PaceStream: Stream + Sized {
    /// Yields items no faster than the limiter allows, each at a cost of 1.
    fn pace<R: Rule, C: Clock>(self, limiter: Local<R, Direct, C>) -> PacedStream<Self, R, C> {
        PacedStream {
            stream: self,
            waiting: None,
            pace: Pace::new(limiter),
        }
    }
}

impl<S: Stream> PaceStream for S {}

pin_project! {
    /// A stream that keeps to a limit; made by [`PaceStream::pace`].
    #[must_use = "streams do nothing unless polled"]
    pub struct PacedStream<S: Stream, R: Rule, C, F = ()> {
        #[pin]
        stream: S,
        waiting: Option<S::Item>,
        pace: Pace<R, C, F>,
    }
}

impl<S: Stream, R: Rule, C: Clock, F> PacedStream<S, R, C, F> {
    /// What an item costs: 1 unless set.
    pub fn cost<F2: Fn(&S::Item) -> Cost>(self, cost: F2) -> PacedStream<S, R, C, F2> {
        PacedStream {
            stream: self.stream,
            waiting: self.waiting,
            pace: self.pace.cost(cost),
        }
    }

    /// The stream, without its pace. An item that waits is lost.
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
        let (stream, limiter) = (&self.stream, &self.pace.limiter);
        f.debug_struct("PacedStream")
            .field("stream", stream)
            .field("limiter", limiter)
            .finish_non_exhaustive()
    }
}
