//! The table itself: how a decision finds the slot of a key.

use super::{
    home::{Home, Lines, SLOTS, spread},
    slot::Slot,
};
use crate::{
    clock::Tick,
    limit::{
        local::store::{Change, Epoch, Forgotten, Lifespan, Store},
        rules::word::Word,
    },
    out_of_line::out_of_line,
    sync::{AtomicU64, Mutex, Ordering::*},
};

/// Homes of the overflow that a key may lie in.
const REACH: usize = 2;

/// Locks for keys that get a slot; few for loom, which tries all interleavings.
pub(super) const TURNS: usize = if cfg!(sluicegate_loom) { 2 } else { 64 };

/// Buckets of one word each, by the hash of their key, in a fixed memory.
#[derive(Debug)]
pub struct Table {
    /// The homes of all keys: each key has two of these.
    homes: Box<[Lines]>,
    /// For the few keys whose homes are full.
    overflow: Box<[Lines]>,
    /// Locked by a key that is new or moves, so that it does not get two slots.
    pub(super) turns: Box<[Turn]>,
    /// Whether anything ever went beyond its two homes.
    pub(super) spilled: AtomicU64,
    /// Drops dead buckets before their words wrap.
    pub(super) epoch: Epoch,
    pub(super) forgotten: Forgotten,
}

/// A lock alone on its cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Turn(pub(super) Mutex<()>);

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
    pub(super) fn beyond(&self, key: u64) -> impl Iterator<Item = Home<'_>> {
        let mixed = mix(key);
        let more = [mixed, mixed.rotate_left(32)].map(|hash| Home::pick(&self.homes, hash));
        let start = spread(mix(mixed), self.overflow.len());
        let overflow = self.overflow.iter().cycle().skip(start).take(REACH);
        more.into_iter().chain(overflow.map(Home::of))
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
