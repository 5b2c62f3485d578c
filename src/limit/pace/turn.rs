//! How an item waits for its turn, in a stream and in a sink alike.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

use crate::{
    clock::Clock,
    limit::{
        limiter::Wait,
        local::{Direct, Local, UntilReady},
        rules::{quota::Cost, rule::Rule},
    },
};

/// No bound on the wait, nor on the number of waiting items.
const FOREVER: Wait = Wait::up_to(Duration::MAX).queue(usize::MAX);

/// A limiter, the cost of items, and the wait of the present item.
pub(super) struct Pace<R: Rule, C, F> {
    pub(super) limiter: Local<R, Direct, C>,
    /// An [`ItemCost`].
    pub(super) cost: F,
    /// `None` if no item waits.
    turn: Option<Turn>,
}

/// The wait of an item of this cost.
enum Turn {
    /// It has a place in the queue.
    Booked(UntilReady, Cost),
    /// The queue is full, so it tries again later.
    Full(Pin<Box<Sleep>>, Cost),
}

impl<R: Rule, C: Clock> Pace<R, C, ()> {
    /// Each item costs 1 until [`cost`](Self::cost) is called.
    pub(super) fn new(limiter: Local<R, Direct, C>) -> Self {
        Self {
            limiter,
            cost: (),
            turn: None,
        }
    }
}

impl<R: Rule, C: Clock, F> Pace<R, C, F> {
    /// Sets the cost of later items. An item that waits keeps its place.
    pub(super) fn cost<F2>(self, cost: F2) -> Pace<R, C, F2> {
        Pace {
            limiter: self.limiter,
            cost,
            turn: self.turn,
        }
    }

    /// Takes a place in the queue for an item. To be called when no item waits.
    pub(super) fn queue(&mut self, cost: Cost) {
        // A cost above the limit would never pass.
        let cost = cost.min(self.limiter.peek().limit());
        self.turn = Some(Turn::Booked(self.limiter.until_ready(cost, FOREVER), cost));
    }

    /// Is ready when no item waits any more.
    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(turn) = &mut self.turn {
            match turn {
                // ## Booked => (Full | none)
                Turn::Booked(wait, cost) => {
                    let full = ready!(Pin::new(wait).poll(cx)).retry_after();
                    let full = full.map(|retry| Turn::Full(Box::pin(sleep(retry)), *cost));
                    self.turn = full;
                }
                // ## Full => Booked
                Turn::Full(sleep, cost) => {
                    let cost = *cost;
                    ready!(sleep.as_mut().poll(cx));
                    self.queue(cost);
                }
            }
        }
        Poll::Ready(())
    }
}

/// A function from an item to its cost; `()` is a cost of 1. Private: users
/// pass closures to `cost`.
pub(crate) trait ItemCost<T> {
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
