//! The store of sliding logs, which do not fit in a word: sharded maps under
//! one capacity.

use std::collections::{BTreeSet, HashMap};

use ahash::RandomState;

use super::store::{Change, Epoch, Forgotten, Lifespan, Store};
use crate::{
    clock::Tick,
    limit::rules::log::Log,
    sync::{AtomicU64, Mutex, Ordering::*, lock},
};

/// Locks, so that threads with different keys seldom wait for each other.
const SHARDS: usize = 16;

/// How many dead logs a newcomer drops, so that memory is freed before the
/// store is full.
const STRIDE: usize = 2;

/// Logs by the hash of their key, at most as many as the capacity says.
///
/// No task sweeps: every new bucket drops a few dead ones. If the store is
/// full, a new bucket takes the place of the one that ends first, dead or
/// alive, in whatever shard that is.
#[derive(Debug)]
pub struct LogStore {
    /// By the lowest bits of the key's hash.
    shards: Box<[Shard]>,
    capacity: u64,
    /// Logs in all shards, never more than the capacity.
    count: AtomicU64,
    forgotten: Forgotten,
}

/// A part of the logs, under a lock of its own.
#[derive(Debug)]
struct Shard {
    kept: Mutex<Kept>,
    /// When the first of its logs ends, at the earliest. A full store reads it
    /// without the lock, to find the shard that has to give one up.
    first: AtomicU64,
}

/// The logs of a shard, by key and by end.
#[derive(Debug, Default)]
struct Kept {
    logs: HashMap<u64, Ticketed, RandomState>,
    /// All logs by their ends. A hash that two keys share is one log.
    tickets: BTreeSet<(Tick, u64)>,
}

/// A log and the end in its ticket. Its life may last longer, but is never over
/// sooner, so a log in use does not need a new ticket each time.
#[derive(Debug)]
struct Ticketed {
    log: Log,
    end: Tick,
}

/// The fate of the log that seemed to end first.
enum First {
    /// It was dropped, with so many ticks of its life left.
    Gone { life: Tick },
    /// It has a later ticket now.
    EndsLater,
    /// The shard is empty.
    None,
}

impl Store<Log> for LogStore {
    fn new(capacity: usize, _epoch: Epoch, forgotten: Forgotten) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::new()).collect(),
            capacity: capacity as u64,
            count: AtomicU64::new(0),
            forgotten,
        }
    }

    fn update<T>(
        &self,
        rule: &impl Lifespan<Log>,
        key: u64,
        clock: impl Fn() -> Tick,
        mut change: impl Change<Log, T>,
    ) -> T {
        let now = clock();
        let shard = &self.shards[key as usize % SHARDS];
        loop {
            // No two shards are ever locked at once.
            let done = shard.with(|kept| {
                if let Some(ticketed) = kept.logs.get_mut(&key) {
                    let answer = change.apply(&mut ticketed.log, now);
                    let life = rule.life(&ticketed.log, now);
                    if life == 0 || now + life < ticketed.end {
                        self.count
                            .fetch_sub(kept.end_sooner(key, now, life), Relaxed);
                    }
                    return Some(answer);
                }
                let mut log = Log::default();
                let answer = change.apply(&mut log, now);
                let life = rule.life(&log, now);
                if life > 0 {
                    // Dead logs go first, because one of them may leave the
                    // place.
                    self.count.fetch_sub(kept.drop_dead(rule, now), Relaxed);
                    self.take_place()?;
                    kept.insert(key, log, now + life);
                }
                Some(answer)
            });
            match done {
                Some(answer) => return answer,
                None => self.make_room(rule, now),
            }
        }
    }

    fn forgotten(&self) -> u64 {
        self.forgotten.count()
    }
}

impl LogStore {
    /// Counts a new log, if there is room for one.
    fn take_place(&self) -> Option<()> {
        let one_more = |count| (count < self.capacity).then_some(count + 1);
        let taken = self.count.fetch_update(Relaxed, Relaxed, one_more);
        taken.is_ok().then_some(())
    }

    /// Drops the log that ends first, in whatever shard that is. To be called
    /// without a lock, because it takes that of another shard.
    #[cold]
    fn make_room<R: Lifespan<Log>>(&self, rule: &R, now: Tick) {
        loop {
            let shards = self.shards.iter();
            let Some(shard) = shards.min_by_key(|shard| shard.first.load(Relaxed)) else {
                return;
            };
            match shard.with(|kept| kept.drop_first(rule, now)) {
                First::EndsLater => {}
                // The thread that took the last place has not inserted its log
                // yet.
                First::None => return,
                First::Gone { life } => {
                    self.count.fetch_sub(1, Relaxed);
                    if life > 0 {
                        self.forgotten.add_one();
                    }
                    return;
                }
            }
        }
    }
}

impl Shard {
    fn new() -> Self {
        Self {
            kept: Mutex::new(Kept::default()),
            first: AtomicU64::new(Tick::MAX),
        }
    }

    /// Changes the logs under the lock, and updates the end of the first of
    /// them.
    fn with<T>(&self, change: impl FnOnce(&mut Kept) -> T) -> T {
        let mut kept = lock(&self.kept);
        let answer = change(&mut kept);
        let first = kept.tickets.first();
        self.first
            .store(first.map_or(Tick::MAX, |(end, _)| *end), Relaxed);
        answer
    }
}

impl Kept {
    /// Adds a log, with a ticket.
    fn insert(&mut self, key: u64, log: Log, end: Tick) {
        self.tickets.insert((end, key));
        self.logs.insert(key, Ticketed { log, end });
    }

    /// Drops a log that is dead, or writes another ticket if it ends sooner.
    /// Returns how many logs are gone.
    #[cold]
    fn end_sooner(&mut self, key: u64, now: Tick, life: Tick) -> u64 {
        let Some(Ticketed { log, end }) = self.logs.remove(&key) else {
            return 0;
        };
        self.tickets.remove(&(end, key));
        if life == 0 {
            return 1;
        }
        self.insert(key, log, now + life);
        0
    }

    /// Drops some of the logs whose life is over, and returns how many.
    fn drop_dead<R: Lifespan<Log>>(&mut self, rule: &R, now: Tick) -> u64 {
        let mut gone = 0;
        for _ in 0..STRIDE {
            if self.tickets.first().is_none_or(|(end, _)| *end > now) {
                break;
            }
            gone += u64::from(matches!(self.drop_first(rule, now), First::Gone { .. }));
        }
        gone
    }

    /// Drops the log whose ticket is the first, unless it ends later than that
    /// says; then it gets another ticket.
    fn drop_first<R: Lifespan<Log>>(&mut self, rule: &R, now: Tick) -> First {
        let Some((ticket, key)) = self.tickets.pop_first() else {
            return First::None;
        };
        let Some(Ticketed { log, end }) = self.logs.get_mut(&key) else {
            return First::None;
        };
        let life = rule.life(log, now);
        if life > 0 && now + life > ticket {
            *end = now + life;
            self.tickets.insert((*end, key));
            return First::EndsLater;
        }
        self.logs.remove(&key);
        First::Gone { life }
    }
}
