//! The requests that wait at one gate, in the order in which they are served
//! and in the order in which they are refused. It knows neither permits nor
//! locks.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use tokio::time::Instant;

use super::waiter::WaiterCell;
use crate::{
    concurrency::{gate::queue::Queue, priority::Rank},
    criticality::Criticality,
};

const LEVELS: usize = Criticality::ALL.len();

/// The order in which requests came.
type Number = u64;

/// The waiting requests.
#[derive(Default)]
pub(in crate::concurrency::gate) struct WaitList {
    /// Those of each level, the oldest first.
    levels: [BTreeMap<Number, QueuedRequest>; LEVELS],
    /// All of them, the first to be refused first: the lowest rank, and of that
    /// the last that came.
    by_rank: BTreeSet<(Rank, Reverse<Number>)>,
    next: Number,
}

/// A waiting request.
pub(in crate::concurrency::gate) struct QueuedRequest {
    pub(in crate::concurrency::gate) rank: Rank,
    pub(in crate::concurrency::gate) since: Instant,
    /// The deadline of the request itself.
    pub(in crate::concurrency::gate) deadline: Option<Instant>,
    pub(in crate::concurrency::gate) waiter: Arc<WaiterCell>,
}

/// Where a request is in the list.
#[derive(Clone, Copy, Debug)]
pub(in crate::concurrency::gate) struct QueuePlace {
    rank: Rank,
    number: Number,
}

impl WaitList {
    /// Returns the number of waiting requests.
    pub(in crate::concurrency::gate) fn len(&self) -> usize {
        self.by_rank.len()
    }

    /// Returns the number of waiting requests of each level.
    pub(in crate::concurrency::gate) fn by_level(&self) -> [usize; LEVELS] {
        self.levels.each_ref().map(BTreeMap::len)
    }

    /// Returns how many requests are served before a new one of this level, as
    /// long as the order is that in which they came.
    pub(in crate::concurrency::gate) fn ahead_of(&self, level: Criticality) -> usize {
        let levels = &self.levels[level as usize..];
        levels.iter().map(BTreeMap::len).sum()
    }

    /// Adds a request.
    pub(in crate::concurrency::gate) fn push(&mut self, entry: QueuedRequest) -> QueuePlace {
        let number = self.next;
        self.next += 1;
        let place = QueuePlace {
            rank: entry.rank,
            number,
        };
        self.by_rank.insert((place.rank, Reverse(number)));
        self.levels[place.level()].insert(number, entry);
        place
    }

    /// Takes a request out of the list; `None` if it is not there.
    pub(in crate::concurrency::gate) fn remove(
        &mut self,
        place: QueuePlace,
    ) -> Option<QueuedRequest> {
        let entry = self.levels[place.level()].remove(&place.number)?;
        self.by_rank.remove(&(place.rank, Reverse(place.number)));
        Some(entry)
    }

    /// Returns the highest level that has a request.
    pub(in crate::concurrency::gate) fn highest_level(&self) -> Option<Criticality> {
        let mut levels = Criticality::ALL.into_iter().rev();
        levels.find(|level| !self.levels[*level as usize].is_empty())
    }

    /// Takes out the request of this level that is served next.
    pub(in crate::concurrency::gate) fn pop_next(
        &mut self,
        level: Criticality,
        queue: &Queue,
        now: Instant,
    ) -> Option<QueuedRequest> {
        let newest_first = self.serves_newest_first(level, queue, now);
        let entries = &self.levels[level as usize];
        let (number, entry) = match newest_first {
            true => entries.last_key_value()?,
            false => entries.first_key_value()?,
        };
        let (rank, number) = (entry.rank, *number);
        self.remove(QueuePlace { rank, number })
    }

    /// Returns whether the oldest request of a level has waited for so long that
    /// the newest is served first.
    pub(in crate::concurrency::gate) fn serves_newest_first(
        &self,
        level: Criticality,
        queue: &Queue,
        now: Instant,
    ) -> bool {
        let oldest = self.oldest(level as usize);
        oldest.is_some_and(|(_, since)| now - since > queue.newest_first_after)
    }

    /// Takes out the oldest request of any level if it came at or before
    /// `since`, those of lower levels first.
    pub(in crate::concurrency::gate) fn pop_older(
        &mut self,
        since: Instant,
    ) -> Option<QueuedRequest> {
        let mut oldest = (0..LEVELS).filter_map(|level| self.oldest(level));
        let (place, _) = oldest.find(|(_, came)| *came <= since)?;
        self.remove(place)
    }

    /// Takes out the request that is refused first if its rank is below this
    /// one.
    pub(in crate::concurrency::gate) fn pop_below(&mut self, rank: Rank) -> Option<QueuedRequest> {
        let end = Bound::Excluded((rank, Reverse(Number::MAX)));
        let mut below = self.by_rank.range((Bound::Unbounded, end));
        let (rank, Reverse(number)) = *below.next()?;
        self.remove(QueuePlace { rank, number })
    }

    /// Returns the oldest request of a level, and since when it waits.
    fn oldest(&self, level: usize) -> Option<(QueuePlace, Instant)> {
        let (number, entry) = self.levels[level].first_key_value()?;
        let (rank, number) = (entry.rank, *number);
        Some((QueuePlace { rank, number }, entry.since))
    }
}

impl QueuePlace {
    fn level(self) -> usize {
        self.rank.criticality() as usize
    }
}
