//! Puts requests in order of time, in bounded memory.

use std::{cmp::Reverse, collections::BinaryHeap};

use compact_str::CompactString;
use sluicegate::clock::Tick;

use crate::replay::event::Event;

/// A heap of the last requests. It holds back as many as fit before it lets the
/// earliest go, so a request may come that many requests too late. Requests of
/// one instant keep their order.
#[derive(Debug)]
pub(super) struct Reorder {
    held: BinaryHeap<Reverse<Held>>,
    capacity: usize,
    count: u64,
    last: Tick,
}

/// A request in the heap. Its fields are compared in their order, and no two
/// have the same number.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    at: Tick,
    number: u64,
    cost: u32,
    key: CompactString,
}

impl Reorder {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            held: BinaryHeap::new(),
            capacity,
            count: 0,
            last: 0,
        }
    }

    /// Adds a request.
    ///
    /// # Errors
    ///
    /// If a later one was let go already: by how many microseconds it is late.
    #[inline]
    pub(super) fn push(&mut self, event: Event) -> Result<(), Tick> {
        let Event { at, key, cost } = event;
        if at < self.last {
            return Err(self.last - at);
        }
        let number = self.count;
        self.count += 1;
        self.held.push(Reverse(Held {
            at,
            number,
            cost,
            key,
        }));
        Ok(())
    }

    /// Lets the earliest request go if there is no room for another.
    #[inline]
    pub(super) fn pop_above_capacity(&mut self) -> Option<Event> {
        if self.held.len() <= self.capacity {
            return None;
        }
        self.pop()
    }

    /// Lets the earliest request go, at the end of the file.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Event> {
        let Reverse(Held { at, key, cost, .. }) = self.held.pop()?;
        self.last = at;
        Some(Event { at, key, cost })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(at: Tick, cost: u32) -> Event {
        let key = CompactString::const_new("k");
        Event { at, key, cost }
    }

    /// Plays instants through, and returns the order and the number of late
    /// ones. The cost is the place in the input.
    fn reorder(instants: &[Tick], capacity: usize) -> (Vec<(Tick, u32)>, usize) {
        let mut reorder = Reorder::new(capacity);
        let (mut order, mut late) = (Vec::new(), 0);
        for (place, at) in instants.iter().enumerate() {
            late += usize::from(reorder.push(event(*at, place as u32)).is_err());
            order.extend(reorder.pop_above_capacity());
        }
        order.extend(std::iter::from_fn(|| reorder.pop()));
        (
            order
                .into_iter()
                .map(|event| (event.at, event.cost))
                .collect(),
            late,
        )
    }

    #[test]
    fn a_request_that_comes_later_than_the_window_is_named_late() {
        assert_eq!(reorder(&[3, 2, 1], 2), (vec![(1, 2), (2, 1), (3, 0)], 0));
        assert_eq!(reorder(&[3, 2, 1], 1), (vec![(2, 1), (3, 0)], 1));
    }

    proptest! {
        /// Each request moves by less than the window, so none is late, and the
        /// order is that of a stable sort.
        #[test]
        fn what_is_within_the_window_is_sorted(
            jumps in prop::collection::vec((0_u64..3, 0_u64..5), 0..50),
        ) {
            let mut at = 0;
            let instants: Vec<_> = jumps.iter().map(|(step, back)| {
                at += step + 1;
                (at + 10) - back
            }).collect();
            let (order, late) = reorder(&instants, 5);
            let mut sorted: Vec<_> = instants.iter().copied().zip(0..).collect();
            sorted.sort();
            prop_assert_eq!(late, 0);
            prop_assert_eq!(order, sorted);
        }
    }
}
