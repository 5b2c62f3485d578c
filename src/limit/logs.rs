//! Buckets that are more than a word: sharded maps under one capacity.

use ahash::RandomState;
use indexmap::IndexMap;

use super::{
    rule::Rule,
    sliding_log::Log,
    store::{Forgotten, Store},
};
use crate::{
    clock::Tick,
    sync::{AtomicU64, Mutex, Ordering::*, lock},
};

const SHARDS: usize = 16;

/// How many buckets a newcomer has looked at, to drop what is dead.
const STRIDE: usize = 8;

/// Logs by the hash of their key, at most as many as the capacity says.
///
/// Nobody has to sweep: every new bucket looks at a few others in turn and
/// drops the dead; when the store is full, the one of them nearest to its end.
#[derive(Debug)]
pub struct Logs {
    shards: Box<[Mutex<Shard>]>,
    capacity: u64,
    count: AtomicU64,
    forgotten: Forgotten,
}

#[derive(Debug, Default)]
struct Shard {
    logs: IndexMap<u64, Log, RandomState>,
    /// Where the next newcomer looks.
    hand: usize,
}

impl Store<Log> for Logs {
    fn new(capacity: usize, _now: Tick, forgotten: Forgotten) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::default())).collect();
        Self {
            shards,
            capacity: capacity as u64,
            count: AtomicU64::new(0),
            forgotten,
        }
    }

    fn update<R, T>(
        &self,
        rule: &R,
        key: u64,
        now: Tick,
        mut change: impl FnMut(&mut Log) -> T,
    ) -> T
    where
        R: Rule<State = Log>,
    {
        let mut shard = lock(&self.shards[key as usize % SHARDS]);
        if let Some(log) = shard.logs.get_mut(&key) {
            let answer = change(log);
            if rule.life(log, now) == 0 {
                shard.logs.swap_remove(&key);
                self.count.fetch_sub(1, Relaxed);
            }
            return answer;
        }
        let mut log = Log::default();
        let answer = change(&mut log);
        if rule.life(&log, now) > 0 {
            self.make_room(&mut shard, rule, now);
            self.count.fetch_add(1, Relaxed);
            shard.logs.insert(key, log);
        }
        answer
    }

    fn forgotten(&self) -> &Forgotten {
        &self.forgotten
    }
}

impl Logs {
    fn make_room<R: Rule<State = Log>>(&self, shard: &mut Shard, rule: &R, now: Tick) {
        let mut victim: Option<(Tick, u64)> = None;
        for _ in 0..STRIDE.min(shard.logs.len()) {
            shard.hand = (shard.hand + 1) % shard.logs.len().max(1);
            let Some((&key, log)) = shard.logs.get_index(shard.hand) else {
                break;
            };
            let life = rule.life(log, now);
            if life == 0 {
                shard.logs.swap_remove(&key);
                self.count.fetch_sub(1, Relaxed);
            } else if victim.is_none_or(|(least, _)| life < least) {
                victim = Some((life, key));
            }
        }
        if let Some((_, key)) = victim
            && self.count.load(Relaxed) >= self.capacity
        {
            shard.logs.swap_remove(&key);
            self.count.fetch_sub(1, Relaxed);
            self.forgotten.add_one();
        }
    }
}
