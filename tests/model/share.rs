//! The share of a bucket that a process holds, and its messages about it.

use std::mem;

use sluicegate::limit::Cost;

/// A share, as `src/limit/redis/lease/` keeps it. It ends not a thousandth
/// early, as there, but at the last instant at which it may.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Share {
    pub(crate) left: u8,
    pub(crate) spent: u8,
    pub(crate) term: u64,
    /// In real time since the base.
    pub(crate) ends: u32,
}

/// A message under way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Mail {
    Lease {
        holder: u8,
        want: u8,
        spent: u8,
        term: u64,
        asked: u32,
    },
    Return(Share),
}

impl Share {
    pub(crate) const NONE: Self = Self {
        left: 0,
        spent: 0,
        term: 0,
        ends: 0,
    };

    /// A request for more, written at an instant.
    pub(crate) fn request(&mut self, holder: usize, want: Cost, asked: u32) -> Mail {
        Mail::Lease {
            holder: holder as u8,
            want: want as u8,
            spent: mem::take(&mut self.spent),
            term: self.term,
            asked,
        }
    }

    pub(crate) fn spend(&mut self) {
        self.left -= 1;
        self.spent += 1;
    }

    /// Adds what was granted: see `Slot::add` in `leases.rs`.
    pub(crate) fn add(&mut self, granted: u8, term: u64, ends: u32) {
        if self.term > term {
            return;
        }
        if self.term == term {
            self.left += granted;
            self.ends = self.ends.min(ends);
            return;
        }
        *self = Self {
            left: granted,
            spent: 0,
            term,
            ends,
        };
    }

    /// Whether nothing can come of it any more at `now`.
    pub(crate) fn is_over(&self, now: u32) -> bool {
        now >= self.ends || (self.left == 0 && self.spent == 0)
    }
}
