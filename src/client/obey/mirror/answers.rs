//! The last answers of calls that were overtaken by newer ones.

use std::collections::VecDeque;

use tokio::time::Instant;

/// The most answers that are remembered.
const MAX_ANSWERS: usize = 64;

/// When answers came, and what they said is left.
#[derive(Debug, Default)]
pub(super) struct Answers(VecDeque<(Instant, u64)>);

impl Answers {
    pub(super) fn note(&mut self, left: u64, now: Instant) {
        if self.0.len() == MAX_ANSWERS {
            self.0.pop_front();
        }
        self.0.push_back((now, left));
    }

    /// Returns how many calls were answered while a call was under way, and may
    /// have been counted after it.
    pub(super) fn overtaken(&self, sent: Instant, left: u64) -> u64 {
        let beside = self.0.iter().rev().take_while(|(at, _)| *at >= sent);
        beside.filter(|(_, other)| *other < left).count() as u64
    }
}
