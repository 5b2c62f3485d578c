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
        local::{Direct, Local, Ready},
        rules::{quota::Cost, rule::Rule},
    },
};

/// Waits as long as it takes.
const FOREVER: Wait = Wait::up_to(Duration::MAX).queue(usize::MAX);

/// The limiter, what items cost, and what the present item waits for.
pub(super) struct Pace<R: Rule, C, F> {
    pub(super) limiter: Local<R, Direct, C>,
    pub(super) cost: F,
    waits: Option<Waits>,
}

/// What an item of this cost waits for.
enum Waits {
    Turn(Ready, Cost),
    /// For room in a queue that is full.
    Room(Pin<Box<Sleep>>, Cost),
}

impl<R: Rule, C: Clock> Pace<R, C, ()> {
    pub(super) fn new(limiter: Local<R, Direct, C>) -> Self {
        Self {
            limiter,
            cost: (),
            waits: None,
        }
    }
}

impl<R: Rule, C: Clock, F> Pace<R, C, F> {
    pub(super) fn cost<F2>(self, cost: F2) -> Pace<R, C, F2> {
        Pace {
            limiter: self.limiter,
            cost,
            waits: self.waits,
        }
    }

    /// Takes a place in the line.
    pub(super) fn queue(&mut self, cost: Cost) {
        let cost = cost.min(self.limiter.peek().limit());
        self.waits = Some(Waits::Turn(self.limiter.until_ready(cost, FOREVER), cost));
    }

    /// Whether nothing has to wait any more.
    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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
