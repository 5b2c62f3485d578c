//! Chance that repeats itself.

/// Random numbers that are the same each time: SplitMix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// From 0 to `most`.
    pub(crate) fn upto(&mut self, most: u64) -> u64 {
        self.roll() % (most.saturating_add(1)).max(1)
    }

    /// This value, once in a long while.
    pub(crate) fn rarely<T>(&mut self, value: T) -> Option<T> {
        (self.upto(39) == 0).then_some(value)
    }

    pub(crate) fn one_of(&mut self, these: &[u64]) -> u64 {
        these[self.upto(these.len() as u64 - 1) as usize]
    }
}
