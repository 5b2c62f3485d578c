//! Where a key lies in the [`Table`](super::Table): its slot is one of a line,
//! and two lines are a home.

use std::hint::select_unpredictable;

use super::slot::{Slot, Vacancy};
use crate::{
    clock::Tick,
    limit::{local::store::Lifespan, rules::word::Word},
};

/// Slots of a line.
const LINE: usize = 4;

/// Slots of a home.
pub(super) const SLOTS: usize = 2 * LINE;

/// Four slots on one cache line, so that a decision waits for memory once.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Line([Slot; LINE]);

/// The two neighbouring lines of a home.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Lines([Line; 2]);

/// A home as one key sees it. Half of the keys look at one line first, and half
/// at the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Home<'a> {
    pub(super) near: &'a Line,
    pub(super) far: &'a Line,
}

impl Line {
    /// Returns the slot that holds `key`.
    ///
    /// Compares all keys without a branch for each: where a key lies is as good
    /// as random, and one branch predicted wrongly costs more than all four
    /// comparisons.
    #[inline(always)]
    pub(super) fn find(&self, key: u64) -> Option<&Slot> {
        let mut found = None;
        for slot in &self.0 {
            found = select_unpredictable(slot.is_of(key), Some(slot), found);
        }
        found
    }

    /// Returns a slot that was never used.
    pub(super) fn unused(&self) -> Option<Vacancy<'_>> {
        self.0.iter().find_map(Slot::unused)
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
        let start = key as usize % LINE;
        let slots = self.0.iter().cycle().skip(start).take(LINE);
        let mut vacancies = slots.filter_map(|slot| slot.vacancy(rule, now));
        vacancies.find(|vacancy| vacancy.life == 0)
    }
}

impl<'a> Home<'a> {
    /// Returns a home for a hash, and with it which of its lines is near.
    #[inline(always)]
    pub(super) fn pick(homes: &'a [Lines], hash: u64) -> Self {
        let line = spread(hash, 2 * homes.len());
        let Lines(both) = &homes[line / 2];
        let (near, far) = (&both[line % 2], &both[(line + 1) % 2]);
        Self { near, far }
    }

    /// Returns a home as no key in particular sees it.
    pub(super) fn of(Lines([near, far]): &'a Lines) -> Self {
        Self { near, far }
    }

    /// Returns the slot that holds `key`.
    pub(super) fn find(&self, key: u64) -> Option<&'a Slot> {
        self.near.find(key).or_else(|| self.far.find(key))
    }

    /// Returns a slot that was never used.
    pub(super) fn unused(&self) -> Option<Vacancy<'a>> {
        self.near.unused().or_else(|| self.far.unused())
    }

    /// Returns a slot whose bucket is whole again.
    pub(super) fn dead<R: Lifespan<Word>>(
        &self,
        rule: &R,
        key: u64,
        now: Tick,
    ) -> Option<Vacancy<'a>> {
        let near = self.near.dead(rule, key, now);
        near.or_else(|| self.far.dead(rule, key, now))
    }

    /// Returns all slots of the home.
    pub(super) fn slots(self) -> impl Iterator<Item = &'a Slot> {
        self.near.0.iter().chain(&self.far.0)
    }
}

/// Returns a place below `count` for a hash, mostly by its upper bits. A product
/// is faster than a remainder, and spreads as evenly.
#[inline(always)]
pub(super) fn spread(hash: u64, count: usize) -> usize {
    ((u128::from(hash) * count as u128) >> u64::BITS) as usize
}
