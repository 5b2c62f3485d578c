//! The table itself: where a key lies, and how a new key finds a place.

use super::{
    home::{Home, Lines, SLOTS, spread},
    slot::{Slot, Vacancy},
};
use crate::{
    clock::Tick,
    limit::{
        local::store::{Change, Epoch, Forgotten, Lifespan, Store},
        rules::word::Word,
    },
    out_of_line::out_of_line,
    sync::{AtomicU64, Mutex, MutexGuard, Ordering::*, lock},
};

/// Homes of the overflow that a key may lie in.
const REACH: usize = 2;

/// Locks for keys that get a slot; few for loom, which tries all interleavings.
const TURNS: usize = if cfg!(sluicegate_loom) { 2 } else { 64 };

/// Buckets of one word each, by the hash of their key, in a fixed memory.
#[derive(Debug)]
pub struct Table {
    /// The homes of all keys: each key has two of these.
    homes: Box<[Lines]>,
    /// For the few keys whose homes are full.
    overflow: Box<[Lines]>,
    /// Locked by a key that is new or moves, so that it does not get two slots.
    turns: Box<[Turn]>,
    /// Whether anything ever went beyond its two homes.
    spilled: AtomicU64,
    /// Drops dead buckets before their words wrap.
    epoch: Epoch,
    forgotten: Forgotten,
}

/// A lock alone on its cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Turn(Mutex<()>);

impl Store<Word> for Table {
    /// The proportions are such that no key below the capacity is ever without
    /// a place: 1.40 slots for each key, and 0.06 in the overflow. That is
    /// 23.4 bytes for each key.
    fn new(capacity: usize, epoch: Epoch, forgotten: Forgotten) -> Self {
        let homes = |hundredths: usize| capacity.saturating_mul(hundredths).div_ceil(100 * SLOTS);
        Self::with_homes(homes(140).max(2), homes(6).max(REACH), epoch, forgotten)
    }

    // The clock is read after the look-up, so that the wait for the memory of
    // the slot and the wait for the clock overlap.
    #[inline(always)]
    fn update<T>(
        &self,
        rule: &impl Lifespan<Word>,
        key: u64,
        clock: impl Fn() -> Tick,
        mut change: impl Change<Word, T>,
    ) -> T {
        // 0 marks a slot never used.
        let key = key.max(1);
        let near = self.first_home(key).near.find(key);
        let slot = near.or_else(|| self.find_further(rule, key, &clock));
        let now = clock();
        if self.epoch.is_over(now) {
            self.drop_dead(rule, now);
        }
        if let Some(slot) = slot
            && let Some(answer) = slot.update(key, now, &mut change)
        {
            return answer;
        }
        out_of_line(|| self.insert(rule, key, now, change))
    }

    fn forgotten(&self) -> u64 {
        self.forgotten.count()
    }
}

impl Table {
    /// An empty table of so many homes.
    pub(super) fn with_homes(
        homes: usize,
        overflow: usize,
        epoch: Epoch,
        forgotten: Forgotten,
    ) -> Self {
        let make = |count| (0..count).map(|_| Lines::default()).collect();
        Self {
            homes: make(homes),
            overflow: make(overflow),
            turns: (0..TURNS).map(|_| Turn::default()).collect(),
            spilled: AtomicU64::new(0),
            epoch,
            forgotten,
        }
    }

    /// Returns the slot of a key, wherever it may be.
    pub(super) fn find(&self, key: u64) -> Option<&Slot> {
        let near = self.first_home(key).near.find(key);
        near.or_else(|| self.find_elsewhere(key))
    }

    /// Whether the key lies where a decision looks first.
    pub(super) fn is_near(&self, key: u64) -> bool {
        self.first_home(key).near.find(key).is_some()
    }

    /// Looks everywhere but in the near line of the first home. Moves some of
    /// what it finds to that line.
    #[inline(never)]
    fn find_further(
        &self,
        rule: &impl Lifespan<Word>,
        key: u64,
        clock: &impl Fn() -> Tick,
    ) -> Option<&Slot> {
        let slot = self.find_elsewhere(key)?;
        match slot.is_due_to_move() {
            true => self.bring_near(rule, key, clock()),
            false => Some(slot),
        }
    }

    fn find_elsewhere(&self, key: u64) -> Option<&Slot> {
        let home = self.first_home(key).far.find(key);
        home.or_else(|| self.second_home(key).find(key))
            .or_else(|| self.find_spilled(key))
    }

    /// Looks beyond the homes of a key, unless nothing ever went there.
    #[cold]
    fn find_spilled(&self, key: u64) -> Option<&Slot> {
        if self.spilled.load(Acquire) == 0 {
            return None;
        }
        self.beyond(key).find_map(|home| home.find(key))
    }

    /// Moves a key that is alive to the near line of its first home if that has
    /// a free slot: one that was free when the key was new may be taken, and
    /// the other way round. Returns the slot of the key.
    #[cold]
    pub(super) fn bring_near<R: Lifespan<Word>>(
        &self,
        rule: &R,
        key: u64,
        now: Tick,
    ) -> Option<&Slot> {
        let near = self.first_home(key).near;
        let free = near.unused().or_else(|| near.dead(rule, key, now));
        // When an epoch is over, `drop_dead` must see all slots.
        if let Some(free) = free
            && !self.epoch.is_over(now)
        {
            let _turn = self.turn(key);
            let found = self.find(key).filter(|_| !self.is_near(key));
            let bucket = found.and_then(|slot| slot.vacancy(rule, now));
            if let Some(bucket) = bucket.filter(|bucket| bucket.life > 0) {
                bucket.move_to(key, &free);
            }
        }
        self.find(key)
    }

    /// Returns one of the two homes of a key, by the upper half of its hash.
    #[inline(always)]
    pub(super) fn first_home(&self, key: u64) -> Home<'_> {
        Home::pick(&self.homes, key)
    }

    /// Returns the other home, by the lower half.
    #[inline]
    pub(super) fn second_home(&self, key: u64) -> Home<'_> {
        Home::pick(&self.homes, key.rotate_left(32))
    }

    /// Returns the homes where a key may be if its own were full: two more of
    /// all, and some of the overflow.
    fn beyond(&self, key: u64) -> impl Iterator<Item = Home<'_>> {
        let mixed = mix(key);
        let more = [mixed, mixed.rotate_left(32)].map(|hash| Home::pick(&self.homes, hash));
        let start = spread(mix(mixed), self.overflow.len());
        let overflow = self.overflow.iter().cycle().skip(start).take(REACH);
        more.into_iter().chain(overflow.map(Home::of))
    }

    /// Decides about a key that is not in the table, and puts it there unless
    /// its bucket stays whole.
    #[cold]
    #[inline(never)]
    fn insert<T>(
        &self,
        rule: &impl Lifespan<Word>,
        key: u64,
        now: Tick,
        mut change: impl Change<Word, T>,
    ) -> T {
        let (answer, replaced) = self.claim(rule, key, now, &mut change);
        // After the lock is released, because the observer is called.
        if replaced > 0 {
            self.forgotten.add_one();
        }
        answer
    }

    /// Locks out all other threads that would give this key a slot.
    fn turn(&self, key: u64) -> MutexGuard<'_, ()> {
        lock(&self.turns[key as usize % TURNS].0)
    }

    /// Finds a place for a new key. Also returns how many ticks of its life the
    /// bucket had left that was dropped for it: 0 if none was.
    fn claim<T>(
        &self,
        rule: &impl Lifespan<Word>,
        key: u64,
        now: Tick,
        change: &mut impl Change<Word, T>,
    ) -> (T, Tick) {
        let _turn = self.turn(key);
        loop {
            // Another thread may have held the lock before, with the same key.
            if let Some(answer) = self
                .find(key)
                .and_then(|slot| slot.update(key, now, change))
            {
                return (answer, 0);
            }
            let mut first = Word::EMPTY;
            let answer = change.apply(&mut first, now);
            if first == Word::EMPTY {
                return (answer, 0);
            }
            if let Some(vacancy) = self.vacancy(rule, key, now)
                && vacancy.claim(key, first)
            {
                return (answer, vacancy.life);
            }
        }
    }

    /// Returns the best slot for a new key, in this order: one never used in
    /// its first home, or in its second; one whose bucket is dead in its first
    /// home, or in its second; one beyond; the one whose bucket is whole
    /// soonest.
    fn vacancy<R: Lifespan<Word>>(&self, rule: &R, key: u64, now: Tick) -> Option<Vacancy<'_>> {
        let homes = [self.first_home(key), self.second_home(key)];
        let unused = homes.iter().find_map(Home::unused);
        let at_home = unused.or_else(|| homes.iter().find_map(|home| home.dead(rule, key, now)));
        at_home.or_else(|| {
            self.spilled.store(1, Release);
            let mut beyond = self.beyond(key);
            let spare = beyond.find_map(|home| home.unused().or_else(|| home.dead(rule, key, now)));
            spare.or_else(|| self.nearest_to_whole(rule, key, now))
        })
    }

    /// Returns the slot of the bucket that is whole soonest, of all slots where
    /// the key may lie.
    fn nearest_to_whole<R: Lifespan<Word>>(
        &self,
        rule: &R,
        key: u64,
        now: Tick,
    ) -> Option<Vacancy<'_>> {
        let homes = [self.first_home(key), self.second_home(key)];
        let homes = homes.into_iter().chain(self.beyond(key));
        let vacancies = homes
            .flat_map(Home::slots)
            .filter_map(|slot| slot.vacancy(rule, now));
        vacancies.min_by_key(|vacancy| vacancy.life)
    }

    /// Returns all slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        let homes = self.homes.iter().chain(&self.overflow);
        homes.map(Home::of).flat_map(Home::slots)
    }

    /// Empties the slots of dead buckets, or all of them if the table lay idle
    /// for so long that their words could be misread.
    #[cold]
    fn drop_dead<R: Lifespan<Word>>(&self, rule: &R, now: Tick) {
        self.epoch.renew(now, rule.lifetime(), |all| {
            let vacancies = self.slots().filter_map(|slot| slot.vacancy(rule, now));
            vacancies
                .filter(|vacancy| all || vacancy.life == 0)
                .for_each(|vacancy| vacancy.clear());
        });
    }
}

/// Hashes a hash again, to find the homes beyond those of its key.
fn mix(key: u64) -> u64 {
    let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 32)
}
