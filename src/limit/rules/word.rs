//! The state of a bucket in one machine word. Rules pack their numbers into it,
//! and the lock-free stores swap it.

use std::fmt;

/// A state of one machine word. Each rule decides what the bits mean.
///
/// ```
/// use sluicegate::limit::Word;
///
/// assert_eq!(Word::new(7).map(Word::bits), Some(7));
/// assert_eq!(Word::new(0), None);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Word(pub(crate) u64);

impl Word {
    /// A bucket never seen, which is whole: the word is empty, not the bucket.
    pub const EMPTY: Word = Word(0);

    /// Marks a slot of the table that is being taken over.
    pub(crate) const BUSY: Word = Word(u64::MAX);

    /// Returns a word of these bits, or `None` for the two patterns that mean
    /// something to the table: all zeros and all ones.
    pub const fn new(bits: u64) -> Option<Self> {
        if bits.wrapping_add(1) <= 1 {
            None
        } else {
            Some(Self(bits))
        }
    }

    /// Returns the bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Returns a word of these bits, or of the next larger that can be stored.
    /// If the bits are an instant, that is later by the smallest step there is.
    #[inline(always)]
    pub(crate) fn nearest(bits: u64) -> Self {
        match Self::new(bits) {
            Some(word) => word,
            None => Self::first(),
        }
    }

    /// Returns the same for an even number, which is never all ones.
    #[inline(always)]
    pub(crate) fn nearest_even(bits: u64) -> Self {
        debug_assert!(bits.is_multiple_of(2), "{bits} is odd");
        match bits {
            0 => Self::first(),
            bits => Self(bits),
        }
    }

    /// The word after the two that cannot be stored.
    // Cold, so that it becomes a branch that is never taken, not a conditional
    // move that every decision waits for.
    #[cold]
    #[inline(always)]
    fn first() -> Self {
        Self(1)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Word({:#x})", self.0)
    }
}
