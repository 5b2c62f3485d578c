//! A sink with a pace.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_sink::Sink;
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
    /// A sink that keeps to a limit; see the [module docs](super).
    ///
    /// It holds at most one item, which waits.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use futures_util::SinkExt;
    /// use sluicegate::{clock, limit::{Local, Quota, TokenBucket, pace::PacedSink}};
    ///
    /// // A kilobyte a second; each item costs its bytes.
    /// let rule = TokenBucket::new(Quota::per_second(1_000));
    /// let limiter = Local::builder(rule).clock(clock::Tokio::new()).direct();
    /// let mut sink =
    ///     PacedSink::new(Vec::new(), limiter).cost(|line: &String| line.len() as u64);
    /// sink.send("x".repeat(600)).await.unwrap();
    /// sink.send("y".repeat(600)).await.unwrap();
    /// assert_eq!(sink.into_inner().len(), 2);
    /// # }
    /// ```
    #[must_use = "sinks do nothing unless polled"]
    pub struct PacedSink<S, Item, R: Rule, C, F = ()> {
        #[pin]
        sink: S,
        // The item that was accepted and waits.
        waiting: Option<Item>,
        pace: Pace<R, C, F>,
    }
}

impl<S: Sink<Item>, Item, R: Rule, C: Clock> PacedSink<S, Item, R, C> {
    /// Accepts items no faster than the limiter allows, each at a cost of 1.
    pub fn new(sink: S, limiter: Local<R, Direct, C>) -> Self {
        Self {
            sink,
            waiting: None,
            pace: Pace::new(limiter),
        }
    }
}

impl<S, Item, R: Rule, C: Clock, F> PacedSink<S, Item, R, C, F> {
    /// Sets the cost of an item: 1 unless set.
    pub fn cost<F2: Fn(&Item) -> Cost>(self, cost: F2) -> PacedSink<S, Item, R, C, F2> {
        PacedSink {
            sink: self.sink,
            waiting: self.waiting,
            pace: self.pace.cost(cost),
        }
    }

    /// Returns the sink. An item that waits is lost, so flush first.
    pub fn into_inner(self) -> S {
        self.sink
    }
}

impl<S: Sink<Item>, Item, R: Rule, C: Clock, F> PacedSink<S, Item, R, C, F> {
    /// Hands the waiting item to the sink when its turn has come.
    fn poll_waiting(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let mut this = self.project();
        ready!(this.pace.poll_turn(cx));
        if this.waiting.is_some() {
            ready!(this.sink.as_mut().poll_ready(cx))?;
        }
        Poll::Ready(
            this.waiting
                .take()
                .map_or(Ok(()), |item| this.sink.start_send(item)),
        )
    }
}

impl<S: Sink<Item>, Item, R: Rule, C: Clock, F: ItemCost<Item>> Sink<Item>
    for PacedSink<S, Item, R, C, F>
{
    type Error = S::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.as_mut().poll_waiting(cx))?;
        self.project().sink.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, item: Item) -> Result<(), S::Error> {
        let this = self.project();
        this.pace.queue(this.pace.cost.item_cost(&item));
        *this.waiting = Some(item);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.as_mut().poll_waiting(cx))?;
        self.project().sink.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.as_mut().poll_waiting(cx))?;
        self.project().sink.poll_close(cx)
    }
}

impl<S: fmt::Debug, Item, R: Rule, C: fmt::Debug, F> fmt::Debug for PacedSink<S, Item, R, C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacedSink")
            .field("sink", &self.sink)
            .field("limiter", &self.pace.limiter)
            .finish_non_exhaustive()
    }
}
