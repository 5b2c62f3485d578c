//! The refused requests of one key.

use sluicegate::clock::Tick;

/// The refused requests of one key under one policy.
///
/// A spell begins with a refused request and ends with the next one that is
/// admitted. If none follows, it ends with its last refused request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// How many requests were refused.
    pub(crate) count: u64,
    /// When the first was refused.
    pub(crate) first: Tick,
    /// When the last was refused.
    pub(crate) last: Tick,
    /// The sum of all spells, in microseconds.
    pub(crate) total_us: Tick,
    /// The longest spell, in microseconds.
    pub(crate) longest_us: Tick,
    /// When the present spell began; `None` between spells.
    since: Option<Tick>,
}

impl Refusal {
    /// The first refusal of a key.
    pub(super) fn at(now: Tick) -> Self {
        Self {
            count: 0,
            first: now,
            last: now,
            total_us: 0,
            longest_us: 0,
            since: None,
        }
    }

    /// Counts a refused request.
    pub(super) fn refuse(&mut self, now: Tick) {
        self.count += 1;
        self.last = now;
        self.since.get_or_insert(now);
    }

    /// Ends the present spell.
    pub(super) fn end(&mut self, now: Tick) {
        if let Some(since) = self.since.take() {
            let spell = now - since;
            self.total_us += spell;
            self.longest_us = self.longest_us.max(spell);
        }
    }

    /// Ends the spell that lasts until the end of the traffic.
    pub(super) fn finish(&mut self) {
        self.end(self.last);
    }
}
