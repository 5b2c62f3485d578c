//! A part of the keys, played through all policies by one thread.

use sluicegate::{InvalidSetting, clock::Tick};

use super::{
    batch::Played,
    column::{Column, NewColumn},
    keys::{KeyId, Keys},
    outcome::{Outcome, PolicyOutcome},
    series::Series,
};
use crate::replay::{event::Event, policy::Policy};

/// After a search for keys to forget that found fewer than this part of all,
/// as many requests pass before the next search.
const MIN_FORGOTTEN: usize = 16;

/// A part of the keys, with their buckets under all policies.
pub(super) struct Shard {
    keys: Keys,
    /// The instant of the last request of each key.
    last: Vec<Tick>,
    columns: Vec<Box<dyn Column>>,
    /// Whether the first column is the old policy.
    has_old: bool,
    /// Requests that have a number, and are not yet played.
    pending: Vec<Played>,
    arrived: Series,
    requests: u64,
    forgotten: u64,
    without_room: u64,
    /// No search for keys to forget before so many requests found no room.
    next_search: u64,
}

impl Shard {
    /// Room for `capacity` keys under these policies.
    pub(super) fn new(
        policies: &[Policy],
        has_old: bool,
        capacity: usize,
    ) -> Result<Self, InvalidSetting> {
        let columns: Result<Vec<_>, _> = policies
            .iter()
            .map(|policy| policy.with_rule(NewColumn))
            .collect();
        Ok(Self {
            keys: Keys::new(capacity),
            last: Vec::new(),
            columns: columns?,
            has_old,
            pending: Vec::new(),
            arrived: Series::default(),
            requests: 0,
            forgotten: 0,
            without_room: 0,
            next_search: 0,
        })
    }

    /// Plays requests, which come in order of time.
    pub(super) fn play(&mut self, batch: &[Event]) {
        for event in batch {
            self.arrived.add(event.at);
            match self.keys.id(&event.key).or_else(|| self.make_room(event)) {
                Some(id) => self.enqueue(id, event),
                None => self.without_room += 1,
            }
        }
        self.flush();
    }

    /// Adds a request to those that are played next.
    #[inline]
    fn enqueue(&mut self, id: KeyId, event: &Event) {
        let Event { at, cost, .. } = *event;
        if id as usize >= self.last.len() {
            self.last.resize(self.keys.len(), at);
        }
        let last = std::mem::replace(&mut self.last[id as usize], at);
        let gap = at - last;
        self.pending.push(Played { at, id, cost, gap });
    }

    /// Plays the requests that have numbers. The columns go one after the
    /// other, so that a processor looks up many buckets of one policy at a time.
    fn flush(&mut self) {
        self.requests += self.pending.len() as u64;
        let keys = self.keys.len();
        let mut columns = self.columns.iter_mut();
        let old = match self.has_old {
            true => columns.next().map(|old| {
                old.grow(keys);
                old.play(&self.pending, None)
            }),
            false => None,
        };
        for column in columns {
            column.grow(keys);
            column.play(&self.pending, old);
        }
        self.pending.clear();
    }

    /// Forgets keys that a policy could not tell from new ones, and numbers
    /// this one if there are any.
    #[cold]
    fn make_room(&mut self, event: &Event) -> Option<u32> {
        if self.without_room < self.next_search {
            return None;
        }
        self.flush();
        let forgotten = self.forget_idle(event.at);
        let enough = self.keys.capacity() / MIN_FORGOTTEN;
        if forgotten <= enough {
            self.next_search = self.without_room + enough as u64 + 1;
        }
        self.forgotten += forgotten as u64;
        self.keys.id(&event.key)
    }

    fn forget_idle(&mut self, now: Tick) -> usize {
        let (columns, last) = (&mut self.columns, &self.last);
        self.keys.forget(|id| {
            let last = last[id as usize];
            let idle = columns.iter().all(|column| column.is_idle(id, now, last));
            if idle {
                columns.iter_mut().for_each(|column| column.forget(id));
            }
            idle
        })
    }

    /// Returns the result.
    pub(super) fn finish(mut self) -> Outcome {
        let counted: Vec<_> = self
            .columns
            .iter_mut()
            .map(|column| column.finish())
            .collect();
        let old = counted.first().filter(|_| self.has_old).cloned();
        let (requests, keys) = (self.requests, self.keys.seen());
        let names = self.keys.into_names();
        let policies = counted
            .into_iter()
            .map(|counted| PolicyOutcome::new(counted, old.as_ref(), &names));
        Outcome {
            requests,
            keys,
            forgotten_keys: self.forgotten,
            without_room: self.without_room,
            arrived: self.arrived,
            policies: policies.collect(),
        }
    }
}
