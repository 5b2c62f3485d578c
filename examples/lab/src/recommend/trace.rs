//! Recorded traffic in memory, by key.

use std::{cmp::Reverse, collections::HashMap};

use compact_str::CompactString;
use sluicegate::clock::Tick;

use crate::replay::Event;

/// A request of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) at: Tick,
    pub(super) cost: u32,
}

/// The requests of one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyHits<'a> {
    /// In order of time.
    pub(super) hits: &'a [Hit],
    /// The sum of their costs.
    pub(super) total: u64,
}

/// Recorded traffic, by key, the key that takes most first.
#[derive(Debug, Default)]
pub(super) struct Trace {
    hits: Vec<Hit>,
    /// The first hit of each key, how many it has, and the sum of their costs.
    keys: Vec<(usize, usize, u64)>,
    pub(super) first_us: Tick,
    pub(super) last_us: Tick,
}

/// Collects requests, which come in order of time.
#[derive(Debug, Default)]
pub(super) struct TraceBuilder {
    ids: HashMap<CompactString, u32, ahash::RandomState>,
    /// How many requests each key has, and the sum of their costs.
    sizes: Vec<(usize, u64)>,
    hits: Vec<Hit>,
    /// The number of the key of each hit.
    keys: Vec<u32>,
}

impl TraceBuilder {
    pub(super) fn len(&self) -> u64 {
        self.hits.len() as u64
    }

    /// Adds a request.
    pub(super) fn push(&mut self, event: Event) {
        let next = self.sizes.len() as u32;
        let Event { at, key, cost } = event;
        let id = *self.ids.entry(key).or_insert(next);
        if id == next {
            self.sizes.push((0, 0));
        }
        let (count, total) = &mut self.sizes[id as usize];
        *count += 1;
        *total += u64::from(cost);
        self.hits.push(Hit { at, cost });
        self.keys.push(id);
    }

    /// Groups the requests by key.
    pub(super) fn build(self) -> Trace {
        let mut next = Vec::with_capacity(self.sizes.len());
        let mut keys = Vec::with_capacity(self.sizes.len());
        let mut start = 0;
        for (count, total) in &self.sizes {
            next.push(start);
            keys.push((start, *count, *total));
            start += count;
        }
        let mut hits = vec![Hit::default(); self.hits.len()];
        for (hit, id) in self.hits.iter().zip(&self.keys) {
            let place = &mut next[*id as usize];
            hits[*place] = *hit;
            *place += 1;
        }
        keys.sort_by_key(|(_, _, total)| Reverse(*total));
        Trace {
            hits,
            keys,
            first_us: self.hits.first().map_or(0, |hit| hit.at),
            last_us: self.hits.last().map_or(0, |hit| hit.at),
        }
    }
}

impl Trace {
    pub(super) fn requests(&self) -> u64 {
        self.hits.len() as u64
    }

    pub(super) fn keys(&self) -> u64 {
        self.keys.len() as u64
    }

    /// Returns the most that one key takes in all.
    pub(super) fn largest_total(&self) -> u64 {
        self.keys.first().map_or(0, |(_, _, total)| *total)
    }

    /// Returns the requests by key, the key that takes most first.
    pub(super) fn by_key(&self) -> impl Iterator<Item = KeyHits<'_>> {
        self.keys.iter().map(|(start, count, total)| KeyHits {
            hits: &self.hits[*start..start + count],
            total: *total,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_stand_by_key_in_order_of_time() {
        let mut builder = TraceBuilder::default();
        for (at, key, cost) in [
            (1 << 40, "a", 1),
            ((1 << 40) + 1, "b", 5),
            ((1 << 40) + 1, "a", 2),
        ] {
            builder.push(Event {
                at,
                key: key.into(),
                cost,
            });
        }
        let trace = builder.build();
        let shown: Vec<_> = trace
            .by_key()
            .map(|key| (key.total, key.hits.to_vec()))
            .collect();
        let hit = |at: Tick, cost| Hit {
            at: (1 << 40) + at,
            cost,
        };
        assert_eq!(
            shown,
            [(5, vec![hit(1, 5)]), (3, vec![hit(0, 1), hit(1, 2)])]
        );
        assert_eq!(
            (trace.requests(), trace.keys(), trace.largest_total()),
            (3, 2, 5)
        );
        assert_eq!((trace.first_us, trace.last_us), (1 << 40, (1 << 40) + 1));
    }
}
