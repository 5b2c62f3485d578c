//! A slot of the [`Table`](super::Table), and how it is taken over.

use crate::{
    clock::Tick,
    limit::{
        local::store::{Change, Lifespan},
        rules::word::Word,
    },
    sync::{AtomicU64, Ordering::*},
};

/// A key and the state of its bucket.
#[derive(Debug, Default)]
pub(super) struct Slot {
    key: AtomicU64,
    state: AtomicU64,
}

/// A slot that may be taken over, and the bits by which to claim it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vacancy<'a> {
    slot: &'a Slot,
    /// The bits of the state when it was looked at, and the key that they are of.
    seen: u64,
    key: u64,
    /// Ticks until the bucket in the slot is whole: 0 if nothing is lost with
    /// it.
    pub(super) life: Tick,
}

impl Slot {
    /// Whether the slot holds this key.
    #[inline(always)]
    pub(super) fn is_of(&self, key: u64) -> bool {
        // Acquire: no state from before the key was stored is read with it.
        self.key.load(Acquire) == key
    }

    /// Whether a key that is looked for in another line first should be moved
    /// there: once in sixteen looks, chosen by the bits of the state, which
    /// change with each charge.
    pub(super) fn is_due_to_move(&self) -> bool {
        let bits = self.state.load(Relaxed);
        bits.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60 == 0
    }

    /// Changes the state. Returns `None` if the slot holds another key by now.
    #[inline(always)]
    pub(super) fn update<T>(
        &self,
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

    /// Ends a takeover: the key first, and then the state.
    fn publish(&self, key: u64, bits: u64) {
        self.key.store(key, Release);
        self.state.store(bits, Release);
    }

    /// Returns what it takes to claim the slot, unless another thread has
    /// claimed it just now.
    pub(super) fn vacancy<R: Lifespan<Word>>(&self, rule: &R, now: Tick) -> Option<Vacancy<'_>> {
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
    pub(super) fn unused(&self) -> Option<Vacancy<'_>> {
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
        if !self.begin() {
            return false;
        }
        self.slot.publish(key, bits_of(first, key));
        true
    }

    /// Moves the bucket of `key` to a free slot, unless either slot has
    /// changed. While it is in both, only the new one can be charged.
    pub(super) fn move_to(&self, key: u64, free: &Vacancy<'_>) {
        if self.key != key || !self.begin() {
            return;
        }
        match free.claim(key, word_of(self.seen, key)) {
            // As one that was never used.
            true => self.slot.publish(0, Word::EMPTY.0),
            false => self.slot.state.store(self.seen, Release),
        }
    }

    /// Marks the slot as being taken over, unless its state has changed.
    fn begin(&self) -> bool {
        let state = &self.slot.state;
        state
            .compare_exchange(self.seen, Word::BUSY.0, AcqRel, Relaxed)
            .is_ok()
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
