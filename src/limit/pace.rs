//! Streams and sinks that keep to a limit.
//!
//! What is too fast is not lost: it waits for its turn. Each item costs 1, or
//! what [`cost`](PacedStream::cost) says of it.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use futures_util::{StreamExt, stream};
//! use sluicegate::{clock, limit::{Local, Quota, TokenBucket, pace::PaceStream}};
//!
//! let rule = TokenBucket::new(Quota::per_second(10).burst(1));
//! let limiter = Local::builder(rule).clock(clock::Tokio::new()).direct();
//! let start = tokio::time::Instant::now();
//! let lines: Vec<_> = stream::iter(["a", "b", "c"]).pace(limiter).collect().await;
//! assert_eq!(lines, ["a", "b", "c"]);
//! assert_eq!(start.elapsed().as_millis(), 200);
//! # }
//! ```
//!
//! # Whose turn
//!
//! An item takes its place in the line when it arrives, in the limiter's one
//! budget: the limiter is [`Direct`]. Many streams may share one; then each
//! item queues behind those of all.
//!
//! # What can never pass
//!
//! An item that costs more than the limit ever allows at once is not held up
//! for ever: it costs as much as the limit, like a large packet on a slow line.
//!
//! # Cancellation
//!
//! Dropped with an item waiting, the adaptor gives its place back; the item is
//! dropped with it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_core::Stream;
use futures_sink::Sink;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::{
    limiter::Patience,
    local::{Direct, Local, Ready},
    quota::Cost,
    rule::Rule,
};
use crate::clock::Clock;

/// Waits as long as it takes.
const FOREVER: Patience = Patience::up_to(Duration::MAX).queue(usize::MAX);

/// Paces a stream; see the [module docs](self).
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

/// Paces a sink; see the [module docs](self).
pub trait PaceSink<Item>: Sink<Item> + Sized {
    /// Accepts items no faster than the limiter allows, each at a cost of 1.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use futures_util::SinkExt;
    /// use sluicegate::{clock, limit::{Local, Quota, TokenBucket, pace::PaceSink}};
    ///
    /// // A kilobyte a second; bytes are counted.
    /// let rule = TokenBucket::new(Quota::per_second(1_000));
    /// let limiter = Local::builder(rule).clock(clock::Tokio::new()).direct();
    /// let mut sink = Vec::new().pace_sink(limiter).cost(|line: &String| line.len() as u64);
    /// sink.send("x".repeat(600)).await.unwrap();
    /// sink.send("y".repeat(600)).await.unwrap();
    /// assert_eq!(sink.into_inner().len(), 2);
    /// # }
    /// ```
    fn pace_sink<R: Rule, C: Clock>(
        self,
        limiter: Local<R, Direct, C>,
    ) -> PacedSink<Self, Item, R, C> {
        PacedSink {
            sink: self,
            waiting: None,
            pace: Pace::new(limiter),
        }
    }
}

impl<S: Sink<Item>, Item> PaceSink<Item> for S {}

/// The limiter, what items cost, and what the present item waits for.
struct Pace<R: Rule, C, F> {
    limiter: Local<R, Direct, C>,
    cost: F,
    waits: Option<Waits>,
}

/// What an item of this cost waits for.
enum Waits {
    Turn(Ready, Cost),
    /// For room in a queue that is full.
    Room(Pin<Box<Sleep>>, Cost),
}

impl<R: Rule, C: Clock> Pace<R, C, ()> {
    fn new(limiter: Local<R, Direct, C>) -> Self {
        Self {
            limiter,
            cost: (),
            waits: None,
        }
    }
}

impl<R: Rule, C: Clock, F> Pace<R, C, F> {
    fn cost<F2>(self, cost: F2) -> Pace<R, C, F2> {
        Pace {
            limiter: self.limiter,
            cost,
            waits: self.waits,
        }
    }

    /// Takes a place in the line.
    fn queue(&mut self, cost: Cost) {
        let cost = cost.min(self.limiter.peek().limit());
        self.waits = Some(Waits::Turn(self.limiter.until_ready(cost, FOREVER), cost));
    }

    /// Whether nothing has to wait any more.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(waits) = &mut self.waits {
            match waits {
                // ## Turn => (Room | nothing)
                Waits::Turn(turn, cost) => {
                    let full = ready!(Pin::new(turn).poll(cx)).retry_after();
                    let room = full.map(|retry| Waits::Room(Box::pin(sleep(retry)), *cost));
                    self.waits = room;
                }
                // ## Room => Turn
                Waits::Room(room, cost) => {
                    let cost = *cost;
                    ready!(room.as_mut().poll(cx));
                    self.queue(cost);
                }
            }
        }
        Poll::Ready(())
    }
}

/// What an item costs.
pub trait ItemCost<T> {
    /// The cost of this item.
    fn item_cost(&self, item: &T) -> Cost;
}

impl<T> ItemCost<T> for () {
    fn item_cost(&self, _item: &T) -> Cost {
        1
    }
}

impl<T, F: Fn(&T) -> Cost> ItemCost<T> for F {
    fn item_cost(&self, item: &T) -> Cost {
        self(item)
    }
}

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

pin_project! {
    /// A sink that keeps to a limit; made by [`PaceSink::pace_sink`].
    ///
    /// It holds one item, the one whose turn has not come.
    #[must_use = "sinks do nothing unless polled"]
    pub struct PacedSink<S, Item, R: Rule, C, F = ()> {
        #[pin]
        sink: S,
        waiting: Option<Item>,
        pace: Pace<R, C, F>,
    }
}

impl<S, Item, R: Rule, C: Clock, F> PacedSink<S, Item, R, C, F> {
    /// What an item costs: 1 unless set.
    pub fn cost<F2: Fn(&Item) -> Cost>(self, cost: F2) -> PacedSink<S, Item, R, C, F2> {
        PacedSink {
            sink: self.sink,
            waiting: self.waiting,
            pace: self.pace.cost(cost),
        }
    }

    /// The sink, without its pace. An item that waits is lost; flush first.
    pub fn into_inner(self) -> S {
        self.sink
    }
}

impl<S: Sink<Item>, Item, R: Rule, C: Clock, F> PacedSink<S, Item, R, C, F> {
    /// Hands on the item that waits, when its turn has come.
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

impl<S: Stream + fmt::Debug, R: Rule, C: fmt::Debug, F> fmt::Debug for PacedStream<S, R, C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stream, limiter) = (&self.stream, &self.pace.limiter);
        f.debug_struct("PacedStream")
            .field("stream", stream)
            .field("limiter", limiter)
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, Item, R: Rule, C: fmt::Debug, F> fmt::Debug for PacedSink<S, Item, R, C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sink, limiter) = (&self.sink, &self.pace.limiter);
        f.debug_struct("PacedSink")
            .field("sink", sink)
            .field("limiter", limiter)
            .finish_non_exhaustive()
    }
}
