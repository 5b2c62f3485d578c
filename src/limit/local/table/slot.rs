//! A line of the table, its slots, and how one is taken over.

use crate::{
    clock::Tick,
    limit::rules::{rule::Rule, word::Word},
    sync::{AtomicU64, Ordering::*},
};

pub(crate) const SLOTS: usize = 4;

#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Line(pub(crate) [Slot; SLOTS]);

#[derive(Debug, Default)]
pub(crate) struct Slot {
    key: AtomicU64,
    pub(crate) state: AtomicU64,
}

/// A slot that may be taken over, and the state by which to claim it.
#[derive(Clone, Copy)]
pub(crate) struct Vacancy<'a> {
    slot: &'a Slot,
    pub(crate) seen: u64,
    pub(crate) life: Tick,
}

impl Line {
    #[inline]
    pub(crate) fn find(&self, key: u64) -> Option<&Slot> {
        // Acquire: with a key comes no state from before it.
        self.0.iter().find(|slot| slot.key.load(Acquire) == key)
    }

    /// How many slots are free, and one of them: one that was never used, if there
    /// is. The search begins at a place that the key gives: keys that all looked
    /// at the same slot first would push each other out though there is room.
    pub(crate) fn free<R: Rule<State = Word>>(
        &self,
        rule: &R,
        key: u64,
        now: Tick,
    ) -> (usize, Option<Vacancy<'_>>) {
        let (before, from) = self.0.split_at(key as usize % SLOTS);
        let slots = from.iter().chain(before);
        let free = slots.filter_map(|slot| slot.vacancy(rule, now));
        free.filter(|vacancy| vacancy.life == 0)
            .fold((0, None), |(many, best), vacancy| {
                let best =
                    best.filter(|best: &Vacancy<'_>| best.is_unused() || !vacancy.is_unused());
                (many + 1, best.or(Some(vacancy)))
            })
    }
}

impl Slot {
    /// Changes the state, unless the slot is another key's by now.
    #[inline]
    pub(crate) fn update<T>(&self, key: u64, change: &mut impl FnMut(&mut Word) -> T) -> Option<T> {
        let mut seen = self.state.load(Acquire);
        loop {
            if seen == Word::BUSY.0 || self.key.load(Relaxed) != key {
                return None;
            }
            let mut next = Word(seen);
            let answer = change(&mut next);
            if next.0 == seen {
                return Some(answer);
            }
            match self
                .state
                .compare_exchange_weak(seen, next.0, AcqRel, Acquire)
            {
                Ok(_) => return Some(answer),
                Err(newer) => seen = newer,
            }
        }
    }

    pub(crate) fn vacancy<R: Rule<State = Word>>(
        &self,
        rule: &R,
        now: Tick,
    ) -> Option<Vacancy<'_>> {
        let seen = self.state.load(Acquire);
        if seen == Word::BUSY.0 {
            return None;
        }
        let life = if seen == Word::EMPTY.0 {
            0
        } else {
            rule.life(&Word(seen), now)
        };
        Some(Vacancy {
            slot: self,
            seen,
            life,
        })
    }
}

impl Vacancy<'_> {
    /// Whether no key was ever there.
    pub(crate) fn is_unused(&self) -> bool {
        self.slot.key.load(Relaxed) == 0
    }

    /// Takes the slot over, unless someone else was faster.
    pub(crate) fn claim(&self, key: u64, first: Word) -> bool {
        let Self { slot, seen, .. } = *self;
        if slot
            .state
            .compare_exchange(seen, Word::BUSY.0, AcqRel, Relaxed)
            .is_err()
        {
            return false;
        }
        slot.key.store(key, Release);
        slot.state.store(first.0, Release);
        true
    }
}
