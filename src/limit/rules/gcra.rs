//! The generic cell rate algorithm (GCRA), ITU-T I.371, by which the token
//! bucket and the leaky bucket decide. Its twin is `lua/gcra.lua`.
//!
//! A bucket remembers one number, the instant at which it is whole again: the
//! *theoretical arrival time*, `tat`. How far that lies ahead of now, in units
//! of the [`Rate`], is the distance. A bucket of `size` tokens is empty at a
//! distance of `room = size * token`:
//!
//! ```text
//! admit if distance + cost * token <= room, and then distance += cost * token
//! ```
//!
//! A [`Word`] holds `tat` in half units. Its lowest bit says whether the bucket
//! was further from whole than an empty one when the word was written: by a
//! debt, or by a place that was booked in advance. A distance above `room`
//! without that bit was written before the clock stepped back. Then the bucket
//! counts as empty: how much time has passed is unknown, but no debt explains a
//! longer wait.

use super::{quota::Cost, rate::Rate, remaining::Remaining, word::Word};
use crate::{clock::Tick, limit::decision::Decision};

/// The largest distance, in units, that is remembered: by a debt, or by a clock
/// that stepped back. Lua counts in whole numbers up to this.
pub(super) const FURTHEST: u64 = (1 << 53) - 1;

/// The arithmetic of a bucket that fills at a constant rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gcra {
    /// Units that a token takes.
    pub(super) token: u64,
    /// Units in a tick.
    pub(super) tick: u64,
    /// Tokens of a whole bucket.
    pub(super) size: u64,
    /// Units of a whole bucket.
    pub(super) room: u64,
    /// Ticks for which a word can be read. Kept, because every decision needs
    /// it and a division is slow.
    lifetime: Tick,
}

impl Gcra {
    /// Takes `cost` tokens if they are there. Also returns the distance at which
    /// it found the bucket.
    #[inline(always)]
    pub(super) fn decide(&self, state: &mut Word, now: Tick, cost: Cost) -> (Decision, u64) {
        // An admitted cost lies in the room, so only a denial bounds the
        // distance. Each step on the way to the new word is one that every
        // caller waits for.
        let instant = self.instant(now);
        let ahead = Self::distance_from(*state, instant);
        if cost > self.size || ahead + cost * self.token > self.room {
            return self.deny(state, now, cost, ahead);
        }
        let level = ahead + cost * self.token;
        if cost > 0 {
            *state = Self::word_within(instant, level);
        }
        (Decision::admit(self.remaining(level), level), ahead)
    }

    /// Denies a cost that does not fit at a distance of `ahead`.
    #[inline(always)]
    fn deny(&self, state: &mut Word, now: Tick, cost: Cost, ahead: u64) -> (Decision, u64) {
        match ahead <= self.room {
            true => (self.denial(cost, ahead), ahead),
            false => self.deny_beyond(state, now, cost),
        }
    }

    /// Denies at a distance that no charge has made: a debt, or a place that was
    /// booked. Otherwise the clock stepped back, so the bucket counts as empty,
    /// and a cost of 0 passes.
    // Cold for the reason of `Word::first`.
    #[cold]
    #[inline(always)]
    fn deny_beyond(&self, state: &mut Word, now: Tick, cost: Cost) -> (Decision, u64) {
        let ahead = self.ahead(*state, now);
        if cost > 0 {
            self.step_back(state, now);
        }
        let decision = match cost {
            0 if ahead <= self.room => Decision::admit(self.remaining(ahead), ahead),
            cost => self.denial(cost, ahead),
        };
        (decision, ahead)
    }

    /// Returns the denial of a cost at a distance of `ahead`.
    #[inline(always)]
    fn denial(&self, cost: Cost, ahead: u64) -> Decision {
        let remaining = self.remaining(ahead);
        match cost > self.size {
            true => Decision::never(remaining, ahead),
            false => {
                let excess = ahead + cost * self.token - self.room;
                Decision::deny(remaining, excess, ahead)
            }
        }
    }

    /// Returns the units from now until the bucket is whole, by what the word
    /// says, however many they are.
    #[inline(always)]
    pub(super) fn distance(&self, state: Word, now: Tick) -> u64 {
        Self::distance_from(state, self.instant(now))
    }

    /// Returns the same from an [`instant`](Self::instant).
    #[inline(always)]
    fn distance_from(state: Word, instant: u64) -> u64 {
        if state == Word::EMPTY {
            return 0;
        }
        // Words wrap, so they are compared by their difference.
        let halves = state.0.wrapping_sub(instant) as i64;
        halves.max(0) as u64 / 2
    }

    /// Returns an instant in half units, an even number that wraps. A decision
    /// reads and writes words by it.
    #[inline(always)]
    fn instant(&self, now: Tick) -> u64 {
        2_u64.wrapping_mul(now.wrapping_mul(self.tick))
    }

    /// Returns what is left at a distance of `ahead`.
    #[inline(always)]
    fn remaining(&self, ahead: u64) -> Remaining {
        Remaining {
            limit: self.size,
            units: self.room.saturating_sub(ahead),
            token: self.token,
            tick: self.tick,
        }
    }

    /// A bucket of `size` tokens at a rate.
    pub(super) fn new(Rate { token, tick }: Rate, size: u64) -> Self {
        Self {
            token,
            tick,
            size,
            room: size * token,
            // Words are compared around half of their range. A quarter leaves
            // room for what lies ahead.
            lifetime: (1 << 61) / tick,
        }
    }

    /// Takes `cost` after `wait` ticks, which is when it is there. The word is
    /// written anew as of now, because its lowest bit speaks of that instant.
    pub(super) fn book(&self, state: &mut Word, now: Tick, cost: Cost, wait: Tick) -> Decision {
        let (decision, _) = self.decide(state, now + wait, cost);
        if decision.is_admitted() && cost > 0 {
            *state = self.word(now, self.distance(*state, now));
        }
        decision.after(wait)
    }

    /// Writes anew, as an empty bucket, what was written before the clock
    /// stepped back. Otherwise it would stay where it is until the clock is
    /// there again.
    #[inline]
    pub(super) fn step_back(&self, state: &mut Word, now: Tick) {
        if self.is_behind(*state, now) {
            *state = self.word(now, self.room);
        }
    }

    /// Whether the clock stepped back since the state was written, so far that
    /// no debt explains the distance.
    #[inline(always)]
    pub(super) fn is_behind(&self, state: Word, now: Tick) -> bool {
        state.0 & 1 == 0 && self.distance(state, now) > self.room
    }

    /// Returns the distance as it counts: bounded, and after the clock stepped
    /// back that of an empty bucket.
    #[inline(always)]
    pub(super) fn ahead(&self, state: Word, now: Tick) -> u64 {
        match self.is_behind(state, now) {
            true => self.room,
            false => self.distance(state, now).min(FURTHEST),
        }
    }

    /// Returns the word of a bucket at this distance.
    ///
    /// If the bits are all zeros or all ones, which are not a word, the next
    /// word may say that the bucket is in debt. Then the bucket does not notice
    /// if the clock steps back.
    #[inline(always)]
    pub(super) fn word(&self, now: Tick, ahead: u64) -> Word {
        if ahead == 0 {
            return Word::EMPTY;
        }
        let halves = (2 * ahead) | u64::from(ahead > self.room);
        Word::nearest(self.instant(now).wrapping_add(halves))
    }

    /// Returns the word of a bucket at a distance within the room, and not 0.
    #[inline(always)]
    fn word_within(instant: u64, ahead: u64) -> Word {
        Word::nearest_even(instant.wrapping_add(2 * ahead))
    }

    /// See [`Rule::life`](crate::limit::Rule::life).
    pub(super) fn life(&self, state: Word, now: Tick) -> Tick {
        self.ahead(state, now).div_ceil(self.tick)
    }

    /// See [`Rule::horizon`](crate::limit::Rule::horizon).
    pub(super) fn horizon(&self) -> Tick {
        self.room.div_ceil(self.tick)
    }

    /// See [`Rule::lifetime`](crate::limit::Rule::lifetime).
    #[inline(always)]
    pub(super) fn lifetime(&self) -> Tick {
        self.lifetime
    }
}
