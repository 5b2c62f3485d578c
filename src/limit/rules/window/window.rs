//! Counting windows in one word: which window, and what was counted in it and
//! in the one before. The base of the fixed and the sliding window. Its twin is
//! `lua/window.lua`.

use crate::{
    clock::Tick,
    error::InvalidSetting,
    limit::rules::{
        quota::{Cost, Quota},
        word::Word,
    },
    out_of_line::out_of_line,
};

/// How a word is divided: `counters` counts of `bits` each, above them one bit
/// that says whether the window was yet to begin when the word was written, and
/// above that as much of the window's index as there is room for:
///
/// ```text
/// | lowest bits of the index | booked | previous | current |
/// ```
///
/// The fixed window has no previous count. As indexes lack their highest bits,
/// words are compared by differences, and can be read for a limited time only,
/// the [lifetime](Self::lifetime).
///
/// A place that is booked in advance is written into a later window. A window
/// that is not even the next one, without that bit, was written before the
/// clock stepped back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limit::rules) struct Window {
    /// The largest cost in a window.
    pub(in crate::limit::rules) limit: u64,
    /// Ticks in a window.
    pub(in crate::limit::rules) width: Tick,
    /// Bits of a count.
    bits: u32,
    /// 1, or 2 if the window before counts, too.
    counters: u32,
    /// Bits of a word below the index.
    index_shift: u32,
}

/// The counts of a word, seen from an instant.
pub(in crate::limit::rules) struct View {
    /// The window that the counts belong to: the present one, or a later one.
    pub(in crate::limit::rules) index: u64,
    /// Ticks since it began.
    pub(in crate::limit::rules) elapsed: Tick,
    /// Ticks until it begins, if it is a later one.
    pub(in crate::limit::rules) ahead: Tick,
    /// The count of the window before. 0 if that does not matter.
    pub(in crate::limit::rules) previous: u64,
    /// The count of the window.
    pub(in crate::limit::rules) current: u64,
    /// Whether the clock stepped back since the word was written, so far that
    /// its counts have become those of the present window.
    pub(in crate::limit::rules) is_moved: bool,
}

impl Window {
    /// Fails for a limit of which `counters` counts leave less than nine bits
    /// for the index. Each can count to twice the limit, to have room for debt.
    pub(in crate::limit::rules) fn new(
        quota: &Quota,
        counters: u32,
    ) -> Result<Self, InvalidSetting> {
        let (limit, width) = (quota.amount(), quota.period_ticks());
        let bits = u64::BITS - limit.leading_zeros() + 1;
        if bits * counters > 54 {
            let allowed = "1 to 2^26 - 1 in a sliding window";
            return Err(InvalidSetting::new("quota amount", limit, allowed));
        }
        Ok(Self {
            limit,
            width,
            bits,
            counters,
            index_shift: bits * counters + 1,
        })
    }

    /// Reads a word as of now: which window its counts belong to, and how far
    /// they have aged since they were written. Every decision begins with it.
    #[inline(always)]
    pub(in crate::limit::rules) fn view(&self, state: Word, now: Tick) -> View {
        let (index, elapsed) = (now / self.width, now % self.width);
        let (stored, previous, current) = self.unpack(state);
        match self.behind(index, stored) {
            0 => View {
                index,
                elapsed,
                ahead: 0,
                previous,
                current,
                is_moved: false,
            },
            behind if behind > 0 || state == Word::EMPTY => View {
                index,
                elapsed,
                ahead: 0,
                previous: self.aged(behind, current),
                current: 0,
                is_moved: false,
            },
            behind => out_of_line(|| self.view_ahead(state, now, behind.unsigned_abs())),
        }
    }

    /// Returns what counts of a window that lies behind.
    // Cold, so that it becomes a branch: a busy bucket is mostly read in the
    // window in which it was written, and does not wait for this.
    #[cold]
    #[inline(always)]
    fn aged(&self, behind: i64, current: u64) -> u64 {
        // The one counter of a fixed window does not outlive it.
        match behind == 1 && self.counters == 2 {
            true => current,
            false => 0,
        }
    }

    /// Reads a word whose counts belong to a window that is `later` windows
    /// ahead of now.
    fn view_ahead(&self, state: Word, now: Tick, later: u64) -> View {
        let (index, elapsed) = (now / self.width, now % self.width);
        let (_, previous, current) = self.unpack(state);
        if later > 1 && !self.is_booked(state) {
            // The clock stepped back. How much of the counts would be forgotten
            // by now is unknown, so all of them count in the present window.
            return View {
                index,
                elapsed,
                ahead: 0,
                previous: 0,
                current: (previous + current).min(self.max_count()),
                is_moved: true,
            };
        }
        // The place was booked in advance, or the clock stepped back by less
        // than a window: the counts stand at the beginning of their own window.
        View {
            index: index + later,
            elapsed: 0,
            ahead: later.saturating_mul(self.width) - elapsed,
            previous,
            current,
            is_moved: false,
        }
    }

    /// Counts `cost` if it `fits` into the present window. Returns what is
    /// counted then, and whether it was.
    #[inline(always)]
    pub(in crate::limit::rules) fn charge(
        &self,
        state: &mut Word,
        now: Tick,
        cost: Cost,
        fits: impl FnOnce(&View) -> bool,
    ) -> (View, bool) {
        let mut view = self.view(*state, now);
        let admitted = view.ahead == 0 && fits(&view);
        if admitted && cost > 0 {
            view.current += cost;
            *state = match self.is_of(*state, view.index) {
                // The lowest bits are the count, which has room for the limit.
                true => Word(state.0 + cost),
                false => self.rewritten(&view),
            };
        } else if cost > 0 {
            self.step_back(state, &view);
        }
        (view, admitted)
    }

    /// Whether the word was written in this window, and not for a booking.
    #[inline(always)]
    fn is_of(&self, state: Word, index: u64) -> bool {
        let shift = self.index_shift - 1;
        (state.0 ^ index.wrapping_shl(self.index_shift)) >> shift == 0
    }

    // Cold for the reason of `aged`.
    #[cold]
    #[inline(always)]
    fn rewritten(&self, view: &View) -> Word {
        self.word(view, view.previous, view.current)
    }

    /// Whether the counts are those of a later window.
    #[inline(always)]
    pub(in crate::limit::rules) fn is_ahead(&self, state: Word, now: Tick) -> bool {
        let (stored, ..) = self.unpack(state);
        let behind = self.behind(now / self.width, stored);
        behind < 0 && state != Word::EMPTY && (behind == -1 || self.is_booked(state))
    }

    /// Writes anew the counts that the clock's step back has moved. Otherwise
    /// each later check would move them, too, and they were never forgotten.
    pub(in crate::limit::rules) fn step_back(&self, state: &mut Word, view: &View) {
        if view.is_moved {
            *state = self.word(view, view.previous, view.current);
        }
    }

    /// Whether the window was yet to begin when the word was written.
    fn is_booked(&self, state: Word) -> bool {
        state.0 & self.booked_bit() != 0
    }

    pub(super) fn booked_bit(&self) -> u64 {
        1 << (self.index_shift - 1)
    }

    /// Returns the word of these counts in the window of the view.
    ///
    /// Counts of nothing are a bucket never seen, unless their window is yet to
    /// begin: then they stand for what they have displaced.
    #[inline(always)]
    pub(in crate::limit::rules) fn word(&self, view: &View, previous: u64, current: u64) -> Word {
        let (previous, current) = (
            previous.min(self.max_count()),
            current.min(self.max_count()),
        );
        if previous == 0 && current == 0 && view.ahead == 0 {
            return Word::EMPTY;
        }
        // One counter leaves no room for the window before.
        let previous = if self.counters == 2 {
            previous << self.bits
        } else {
            0
        };
        let booked = match view.ahead {
            0 => 0,
            _ => self.booked_bit(),
        };
        Word::nearest(view.index.wrapping_shl(self.index_shift) | booked | previous | current)
    }

    /// Returns the ticks for which words can be told apart. Indexes are compared
    /// around half of their range; a quarter leaves time for stores that are
    /// late.
    pub(in crate::limit::rules) fn lifetime(&self) -> Tick {
        let indexes = 1_u64 << (u64::BITS - self.index_shift - 2);
        indexes.saturating_mul(self.width)
    }

    /// Returns the largest count. One less than would fit, because a word of
    /// all ones means something to the table.
    pub(in crate::limit::rules) fn max_count(&self) -> u64 {
        (1 << self.bits) - 2
    }

    /// Returns the index, as far as there is room for it, and the two counts.
    #[inline(always)]
    fn unpack(&self, state: Word) -> (u64, u64, u64) {
        let count = (1 << self.bits) - 1;
        let previous = if self.counters == 2 {
            state.0 >> self.bits & count
        } else {
            0
        };
        (state.0 >> self.index_shift, previous, state.0 & count)
    }

    /// Returns how many windows the stored index lies behind, within its few
    /// bits.
    #[inline(always)]
    fn behind(&self, index: u64, stored: u64) -> i64 {
        let shift = self.index_shift;
        (index.wrapping_sub(stored) << shift) as i64 >> shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word of a small window with an index near now.
    #[test]
    fn a_word_is_ahead_if_its_counts_lie_in_a_later_window() {
        let window = Window::new(&Quota::per_second(3), 2).unwrap();
        let now = 20 * window.width + 400_000;
        for index in 15..=25 {
            for bits in 0..1 << window.index_shift {
                let word = Word::nearest(index << window.index_shift | bits);
                let expected = window.view(word, now).ahead > 0;
                assert_eq!(window.is_ahead(word, now), expected, "{word:?}");
            }
        }
        assert!(!window.is_ahead(Word::EMPTY, now));
    }
}
