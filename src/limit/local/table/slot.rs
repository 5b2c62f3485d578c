//! A line of the [`Table`](super::Table): eight slots, and how one is taken
//! over.

use std::hint::select_unpredictable;

use crate::{
    clock::Tick,
    limit::{
        local::store::{Change, Lifespan},
        rules::word::Word,
    },
    sync::{AtomicU64, Ordering::*},
};

/// Slots of a line.
pub(super) const SLOTS: usize = 8;

/// Eight slots on two neighbouring cache lines: the keys on the first, the
/// states on the second.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Line {
    keys: [AtomicU64; SLOTS],
    states: [AtomicU64; SLOTS],
}

/// Where one key and its bucket may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    key: &'a AtomicU64,
    state: &'a AtomicU64,
}

/// A slot that may be taken over, and the bits by which to claim it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vacancy<'a> {
    slot: Slot<'a>,
    /// The bits of the state when it was looked at, and the key that they are of.
    seen: u64,
    key: u64,
    /// Ticks until the bucket in the slot is whole: 0 if nothing is lost with
    /// it.
    pub(super) life: Tick,
}

impl Line {
    /// Returns the slot that holds `key`.
    ///
    /// Compares all keys without a branch for each: where a key lies is as good
    /// as random, and one branch predicted wrongly costs more than all eight
    /// comparisons.
    #[inline(always)]
    pub(super) fn find(&self, key: u64) -> Option<Slot<'_>> {
        let mut at = SLOTS;
        for (index, candidate) in self.keys.iter().enumerate() {
            // Acquire: no state from before the key was stored is read with it.
            at = select_unpredictable(candidate.load(Acquire) == key, index, at);
        }
        let (key, state) = (self.keys.get(at)?, self.states.get(at)?);
        Some(Slot { key, state })
    }

    /// Returns a slot that was never used.
    pub(super) fn unused(&self) -> Option<Vacancy<'_>> {
        self.slots().find_map(Slot::unused)
    }

    /// Returns a slot whose bucket is whole again.
    ///
    /// The search begins at a place that the key gives. If all keys began at
    /// the same slot, they would push each other out of it though the line has
    /// room.
    pub(super) fn dead<R: Lifespan<Word>>(
        &self,
        rule: &R,
        key: u64,
        now: Tick,
    ) -> Option<Vacancy<'_>> {
        let start = key as usize % SLOTS;
        let slots = self.slots().cycle().skip(start).take(SLOTS);
        let mut vacancies = slots.filter_map(|slot| slot.vacancy(rule, now));
        vacancies.find(|vacancy| vacancy.life == 0)
    }

    /// Returns all slots of the line.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot<'_>> + Clone {
        let pairs = self.keys.iter().zip(&self.states);
        pairs.map(|(key, state)| Slot { key, state })
    }
}

impl<'a> Slot<'a> {
    /// Changes the state. Returns `None` if the slot holds another key by now.
    #[inline(always)]
    pub(super) fn update<T>(
        self,
        key: u64,
        now: Tick,
        change: &mut impl Change<Word, T>,
    ) -> Option<T> {
        let mut seen = self.state.load(Acquire);
        loop {
            if seen == Word::BUSY.0 || self.key.load(Relaxed) != key {
                return None;
            }
            let mut word = word_of(seen, key);
            let answer = change.apply(&mut word, now);
            let next = bits_of(word, key);
            if next == seen {
                return Some(answer);
            }
            match self
                .state
                .compare_exchange_weak(seen, next, AcqRel, Acquire)
            {
                Ok(_) => return Some(answer),
                Err(newer) => seen = newer,
            }
        }
    }

    /// Returns what it takes to claim the slot, unless another thread has
    /// claimed it just now.
    pub(super) fn vacancy<R: Lifespan<Word>>(self, rule: &R, now: Tick) -> Option<Vacancy<'a>> {
        let seen = self.state.load(Acquire);
        if seen == Word::BUSY.0 {
            return None;
        }
        // If it is another key by now, the state is another one, too, and the
        // claim fails.
        let key = self.key.load(Relaxed);
        let life = match word_of(seen, key) {
            Word::EMPTY => 0,
            word => rule.life(&word, now),
        };
        Some(Vacancy {
            slot: self,
            seen,
            key,
            life,
        })
    }

    /// Returns what it takes to claim the slot if it was never used, for which
    /// no rule is needed.
    fn unused(self) -> Option<Vacancy<'a>> {
        let (seen, key) = (self.state.load(Acquire), self.key.load(Relaxed));
        let is_unused = (seen, key) == (Word::EMPTY.0, 0);
        is_unused.then_some(Vacancy {
            slot: self,
            seen,
            key,
            life: 0,
        })
    }
}

impl Vacancy<'_> {
    /// Takes the slot over in three steps, unless another thread was faster:
    /// the state is busy, then the key is the new one, then the state is
    /// published.
    pub(super) fn claim(&self, key: u64, first: Word) -> bool {
        let Self { slot, seen, .. } = *self;
        if slot
            .state
            .compare_exchange(seen, Word::BUSY.0, AcqRel, Relaxed)
            .is_err()
        {
            return false;
        }
        slot.key.store(key, Release);
        slot.state.store(bits_of(first, key), Release);
        true
    }

    /// Empties the state, unless a newer one was written.
    pub(super) fn clear(&self) {
        let Self {
            slot, seen, key, ..
        } = *self;
        let empty = bits_of(Word::EMPTY, key);
        let _ = slot.state.compare_exchange(seen, empty, AcqRel, Relaxed);
    }
}

/// Returns the bits that store the state of a key.
///
/// The key is mixed in, so that equal states of two keys have different bits.
/// Otherwise a thread that has read the state of one key could swap the equal
/// state of another key that has taken the slot over meanwhile, and charge it.
#[inline(always)]
fn bits_of(word: Word, key: u64) -> u64 {
    match word.0 ^ key {
        busy if busy == Word::BUSY.0 => almost_busy(),
        bits => bits,
    }
}

/// Returns the bits of a state that would look like a takeover. Their lowest bit
/// is off by one, once in 2^64 states: a count, or the sign of a debt.
// Cold, so that it becomes a branch that no decision waits for.
#[cold]
#[inline(always)]
fn almost_busy() -> u64 {
    Word::BUSY.0 - 1
}

/// Returns the state of a key from the bits that store it.
#[inline(always)]
fn word_of(bits: u64, key: u64) -> Word {
    Word(bits ^ key)
}
