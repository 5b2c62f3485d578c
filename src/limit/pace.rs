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
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

use super::{
    limiter::Patience,
    local::{Direct, Local, Ready},
    quota::Cost,
    rule::Rule,
};
use crate::clock::Clock;

mod sink;
mod stream;

pub use self::{
    sink::{PaceSink, PacedSink},
    stream::{PaceStream, PacedStream},
};

/// Waits as long as it takes.
const FOREVER: Patience = Patience::up_to(Duration::MAX).queue(usize::MAX);

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
