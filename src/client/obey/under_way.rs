//! The calls that were sent to a peer and have no response yet.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// Added to the time in which a call may be overtaken by later ones.
const SLACK: Duration = Duration::from_millis(2);

/// The calls under way, by their number.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    sent: BTreeMap<u64, Instant>,
    next: u64,
    /// The longest time to a response; older times count for less.
    longest: Duration,
}

impl UnderWay {
    /// Returns the number that the next call will have.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn send(&mut self, now: Instant) -> u64 {
        let call = self.next;
        self.next += 1;
        self.sent.insert(call, now);
        call
    }

    /// Ends a call. Returns when it was sent.
    pub(super) fn end(&mut self, call: u64) -> Option<Instant> {
        self.sent.remove(&call)
    }

    /// Notes how long a call took.
    pub(super) fn took(&mut self, time: Duration) {
        self.longest = time.max(self.longest - self.longest / 8);
    }

    /// Returns the calls that the response to a call sent at `sent` may not
    /// include: the number of the first, and how many there are. A call that
    /// was sent long before has arrived long before, even if its response takes
    /// longer.
    pub(super) fn beside(&self, sent: Instant) -> (u64, u64) {
        let oldest = sent.checked_sub(self.longest * 2 + SLACK).unwrap_or(sent);
        let recent = self.sent.iter().rev().take_while(|(_, at)| **at >= oldest);
        let (count, first) =
            recent.fold((0, self.next), |(count, _), (call, _)| (count + 1, *call));
        (first, count)
    }
}
