//! The attempts to come, in the order of their instants.

use std::{cmp::Reverse, collections::BinaryHeap, iter::Peekable, slice};

use sluicegate::clock::Tick;

use crate::compare::traffic::Request;

/// One time that a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attempt {
    pub(super) at: Tick,
    pub(super) client: u32,
    /// The instant of the first attempt for the same request.
    pub(super) asked: Tick,
    /// The number of attempts for the same request, with this one.
    pub(super) number: u32,
}

impl Attempt {
    pub(super) fn first(at: Tick, client: u32) -> Self {
        Self {
            at,
            client,
            asked: at,
            number: 1,
        }
    }
}

/// The requests of a pattern, and the attempts that follow from answers.
pub(super) struct Agenda<'a> {
    requests: Peekable<slice::Iter<'a, Request>>,
    /// With the number of the entry, because those of one instant keep their order.
    later: BinaryHeap<Reverse<(Tick, u64, Attempt)>>,
    added: u64,
}

impl<'a> Agenda<'a> {
    pub(super) fn new(requests: &'a [Request]) -> Self {
        Self {
            requests: requests.iter().peekable(),
            later: BinaryHeap::new(),
            added: 0,
        }
    }

    pub(super) fn add(&mut self, attempt: Attempt) {
        self.added += 1;
        self.later.push(Reverse((attempt.at, self.added, attempt)));
    }
}

impl Iterator for Agenda<'_> {
    type Item = Attempt;

    /// At one instant, retries come before new requests.
    fn next(&mut self) -> Option<Attempt> {
        let request = self.requests.peek().map(|request| request.at);
        let retry = self.later.peek().map(|Reverse((at, ..))| *at);
        match (retry, request) {
            (Some(retry), request) if request.is_none_or(|request| retry <= request) => {
                self.later.pop().map(|Reverse((.., attempt))| attempt)
            }
            _ => {
                let request = self.requests.next()?;
                Some(Attempt::first(request.at, request.client))
            }
        }
    }
}
