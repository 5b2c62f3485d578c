//! How a key gets a slot of the [`Table`]: when it is new, and when it moves.

use super::{
    home::Home,
    slot::{Slot, Vacancy},
    word_table::{TURNS, Table},
};
use crate::{
    clock::Tick,
    limit::{
        local::store::{Change, Lifespan},
        rules::word::Word,
    },
    sync::{MutexGuard, Ordering::*, lock},
};

impl Table {
    /// Decides about a key that is not in the table, and puts it there unless
    /// its bucket stays whole.
    #[cold]
    #[inline(never)]
    pub(super) fn insert<T>(
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
}
