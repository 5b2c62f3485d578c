//! Counting windows in one word: which window, and what was counted in it.

#[cfg(feature = "redis")]
use super::script::ReplyReader;
use super::{
    quota::{Quota, QuotaError},
    word::Word,
};
use crate::clock::Tick;

/// The latest instant that the twin can write down.
#[cfg(feature = "redis")]
const FURTHEST: Tick = (1 << 53) - 1;

/// How a word is divided: `counters` counts of `bits` each, above them one bit that
/// says whether the window was yet to begin when the word was written, and above
/// that as much of the window's index as there is room for.
///
/// A place that is booked in advance is written into a later window. Without that
/// bit, a window that is not even the next one was written before the clock stepped
/// back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) limit: u64,
    pub(crate) width: Tick,
    bits: u32,
    counters: u32,
}

/// What a word says, seen from an instant.
pub(crate) struct View {
    /// The window that the counts belong to: the present one, or a later one.
    pub(crate) index: u64,
    /// How far the window has come.
    pub(crate) elapsed: Tick,
    /// How long until it begins, if it is a later one.
    pub(crate) ahead: Tick,
    pub(crate) previous: u64,
    pub(crate) current: u64,
    /// Whether the clock stepped back since the word was written, so far that its
    /// counts have become those of the present window.
    pub(crate) is_moved: bool,
}

impl Window {
    /// Refuses a limit of which `counters` counts leave less than nine bits
    /// for the index. Each can count to twice the limit, to have room for debt.
    pub(crate) fn new(quota: &Quota, counters: u32) -> Result<Self, QuotaError> {
        let (limit, width) = (quota.amount(), quota.period_ticks());
        let bits = u64::BITS - limit.leading_zeros() + 1;
        if bits * counters > 54 {
            return Err(QuotaError::new(
                "amount",
                limit,
                "1 to 2^26 - 1 in a sliding window",
            ));
        }
        Ok(Self {
            limit,
            width,
            bits,
            counters,
        })
    }

    #[inline]
    pub(crate) fn view(&self, state: Word, now: Tick) -> View {
        let (index, elapsed) = (now / self.width, now % self.width);
        let (stored, previous, current) = self.unpack(state);
        let view = |ahead, previous, current| View {
            index,
            elapsed,
            ahead,
            previous,
            current,
            is_moved: false,
        };
        match self.behind(index, stored) {
            _ if state == Word::EMPTY => view(0, 0, 0),
            0 => view(0, previous, current),
            1 => view(0, current, 0),
            behind if behind > 0 => view(0, 0, 0),
            // The clock stepped back. How much of the counts would be forgotten by
            // now is unknown, so all of them count in the present window.
            behind if behind < -1 && !self.is_booked(state) => View {
                is_moved: true,
                ..view(0, 0, (previous + current).min(self.most()))
            },
            // The place was booked in advance, or the clock stepped back by less
            // than a window: the counts stand at the beginning of their own window.
            behind => {
                let later = behind.unsigned_abs();
                let ahead = later.saturating_mul(self.width) - elapsed;
                View {
                    index: index + later,
                    elapsed: 0,
                    ahead,
                    previous,
                    current,
                    is_moved: false,
                }
            }
        }
    }

    /// Writes counts anew that the clock's step back has moved, or they would be
    /// moved at each later question, too, and never be forgotten.
    pub(crate) fn settle(&self, state: &mut Word, view: &View) {
        if view.is_moved {
            *state = self.word(view, view.previous, view.current);
        }
    }

    /// The word of what was charged for a later instant, seen from now.
    pub(crate) fn booked(&self, state: Word, now: Tick, wait: Tick) -> Word {
        let is_later = (now + wait) / self.width > now / self.width;
        match is_later && state != Word::EMPTY {
            true => Word(state.0 | self.booked_bit()),
            false => state,
        }
    }

    fn is_booked(&self, state: Word) -> bool {
        state.0 & self.booked_bit() != 0
    }

    fn booked_bit(&self) -> u64 {
        1 << (self.bits * self.counters)
    }

    /// Bits of a word below the index.
    fn lost(&self) -> u32 {
        self.bits * self.counters + 1
    }

    /// What is counted in the window of `at`, if that is still the present one.
    pub(crate) fn counted_at(&self, state: Word, now: Tick, at: Tick) -> u64 {
        let view = self.view(state, now);
        match view.index == at / self.width {
            true => view.current,
            false => 0,
        }
    }

    /// Counts of nothing are no more than a bucket never seen, unless their
    /// window is yet to begin: then they stand for what they have displaced.
    #[inline]
    pub(crate) fn word(&self, view: &View, previous: u64, current: u64) -> Word {
        let (previous, current) = (previous.min(self.most()), current.min(self.most()));
        if previous == 0 && current == 0 && view.ahead == 0 {
            return Word::EMPTY;
        }
        let previous = if self.counters == 2 {
            previous << self.bits
        } else {
            0
        };
        let booked = match view.ahead {
            0 => 0,
            _ => self.booked_bit(),
        };
        Word::nearest(view.index.wrapping_shl(self.lost()) | booked | previous | current)
    }

    /// For how long words can be told apart: half of the indexes there are,
    /// and again half, for stores that are late.
    pub(crate) fn lifetime(&self) -> Tick {
        let indexes = 1_u64 << (u64::BITS - self.lost() - 2);
        indexes.saturating_mul(self.width)
    }

    /// What the twin in Lua has to know.
    #[cfg(feature = "redis")]
    pub(crate) fn lua_params(&self) -> [u64; 3] {
        [self.limit, self.width, self.most()]
    }

    /// The word of the counts that the twin found: in the present window, or a
    /// later one, if it begins at an instant that can be written down.
    #[cfg(feature = "redis")]
    pub(crate) fn read_state(&self, now: Tick, reply: &mut ReplyReader<'_>) -> Option<Word> {
        let (index, previous, current) = (reply.take()?, reply.take()?, reply.take()?);
        index
            .checked_mul(self.width)
            .filter(|begin| *begin <= FURTHEST)?;
        let view = View {
            index,
            elapsed: 0,
            ahead: index.checked_sub(now / self.width)?,
            previous,
            current,
            is_moved: false,
        };
        Some(self.word(&view, previous, current))
    }

    /// The largest count. One less than would fit: a word of all ones means
    /// something to the table.
    pub(crate) fn most(&self) -> u64 {
        (1 << self.bits) - 2
    }

    fn unpack(&self, state: Word) -> (u64, u64, u64) {
        let count = (1 << self.bits) - 1;
        let previous = if self.counters == 2 {
            state.0 >> self.bits & count
        } else {
            0
        };
        (state.0 >> self.lost(), previous, state.0 & count)
    }

    /// How many windows the stored index lies behind, within its few bits.
    #[inline]
    fn behind(&self, index: u64, stored: u64) -> i64 {
        let lost = self.lost();
        (index.wrapping_sub(stored) << lost) as i64 >> lost
    }
}
