//! The table itself: where a key lies, and how a new key finds a place.

use super::slot::{Line, SLOTS, Slot, Vacancy};
use crate::{
    clock::Tick,
    limit::{
        local::store::{Change, Epoch, Forgotten, Lifespan, Store},
        rules::word::Word,
    },
    out_of_line::out_of_line,
    sync::{AtomicU64, Mutex, Ordering::*, lock},
};

/// Lines of the overflow that a key may lie in.
const REACH: usize = 2;

/// Locks for newcomers; few for loom, which tries all interleavings.
const TURNS: usize = if cfg!(sluicegate_loom) { 2 } else { 64 };

/// Buckets of one word each, by the hash of their key, in a fixed memory.
#[derive(Debug)]
pub struct Table {
    /// The homes of all keys: each has two of these lines.
    lines: Box<[Line]>,
    /// For the few keys whose homes are full.
    overflow: Box<[Line]>,
    /// Locked by a key that is new, so that it does not get two slots.
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
        let lines = |hundredths: usize| capacity.saturating_mul(hundredths).div_ceil(100 * SLOTS);
        Self::with_lines(lines(140).max(2), lines(6).max(REACH), epoch, forgotten)
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
        let slot = self.first_home(key).find(key);
        let now = clock();
        if self.epoch.is_over(now) {
            self.drop_dead(rule, now);
        }
        if let Some(slot) = slot
            && let Some(answer) = slot.update(key, now, &mut change)
        {
            return answer;
        }
        out_of_line(|| self.update_further(rule, key, now, change))
    }

    fn forgotten(&self) -> u64 {
        self.forgotten.count()
    }
}

impl Table {
    /// An empty table of so many lines.
    pub(super) fn with_lines(
        lines: usize,
        overflow: usize,
        epoch: Epoch,
        forgotten: Forgotten,
    ) -> Self {
        let make = |count| (0..count).map(|_| Line::default()).collect();
        Self {
            lines: make(lines),
            overflow: make(overflow),
            turns: (0..TURNS).map(|_| Turn::default()).collect(),
            spilled: AtomicU64::new(0),
            epoch,
            forgotten,
        }
    }

    /// Changes the bucket of a key that is not in its first home.
    fn update_further<T>(
        &self,
        rule: &impl Lifespan<Word>,
        key: u64,
        now: Tick,
        mut change: impl Change<Word, T>,
    ) -> T {
        let slot = self.second_home(key).find(key);
        let slot = slot.or_else(|| self.find_spilled(key));
        match slot.and_then(|slot| slot.update(key, now, &mut change)) {
            Some(answer) => answer,
            None => self.insert(rule, key, now, change),
        }
    }

    /// Returns the slot of a key, wherever it may be.
    pub(super) fn find(&self, key: u64) -> Option<Slot<'_>> {
        let home = self.first_home(key).find(key);
        home.or_else(|| self.second_home(key).find(key))
            .or_else(|| self.find_spilled(key))
    }

    /// Looks beyond the homes of a key, unless nothing ever went there.
    #[cold]
    fn find_spilled(&self, key: u64) -> Option<Slot<'_>> {
        if self.spilled.load(Acquire) == 0 {
            return None;
        }
        self.beyond(key).find_map(|line| line.find(key))
    }

    /// Returns one of the two homes of a key, by the upper half of its hash.
    #[inline(always)]
    pub(super) fn first_home(&self, key: u64) -> &Line {
        pick(&self.lines, key >> 32)
    }

    /// Returns the other home, by the lower half.
    #[inline]
    pub(super) fn second_home(&self, key: u64) -> &Line {
        pick(&self.lines, key & u64::from(u32::MAX))
    }

    /// Returns the lines where a key may be if its homes were full: two more of
    /// all, and some of the overflow.
    fn beyond(&self, key: u64) -> impl Iterator<Item = &Line> {
        let mixed = mix(key);
        let more = [mixed >> 32, mixed & u64::from(u32::MAX)].map(|half| pick(&self.lines, half));
        let start = ((mix(mixed) >> 32) * self.overflow.len() as u64) >> 32;
        let overflow = self.overflow.iter().cycle().skip(start as usize);
        more.into_iter().chain(overflow.take(REACH))
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

    /// Finds a place for a new key. Also returns how many ticks of its life the
    /// bucket had left that was dropped for it: 0 if none was.
    fn claim<T>(
        &self,
        rule: &impl Lifespan<Word>,
        key: u64,
        now: Tick,
        change: &mut impl Change<Word, T>,
    ) -> (T, Tick) {
        let _turn = lock(&self.turns[key as usize % TURNS].0);
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
        let unused = homes.iter().find_map(|line| line.unused());
        let at_home = unused.or_else(|| homes.iter().find_map(|line| line.dead(rule, key, now)));
        at_home.or_else(|| {
            self.spilled.store(1, Release);
            let mut beyond = self.beyond(key);
            let spare = beyond.find_map(|line| line.unused().or_else(|| line.dead(rule, key, now)));
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
        let lines = homes.into_iter().chain(self.beyond(key));
        let vacancies = lines
            .flat_map(Line::slots)
            .filter_map(|slot| slot.vacancy(rule, now));
        vacancies.min_by_key(|vacancy| vacancy.life)
    }

    /// Returns all slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot<'_>> {
        let lines = self.lines.iter().chain(&self.overflow);
        lines.flat_map(Line::slots)
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

/// Hashes a hash again, to find the lines beyond the homes of its key.
fn mix(key: u64) -> u64 {
    let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 32)
}

/// Returns the line for 32 bits of a hash. A product is faster than a
/// remainder, and spreads as evenly.
#[inline(always)]
fn pick(lines: &[Line], half: u64) -> &Line {
    &lines[((half * lines.len() as u64) >> 32) as usize]
}
