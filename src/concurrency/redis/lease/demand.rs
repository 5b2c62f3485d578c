//! How many permits an instance has use for: the size of a batch.

/// The demand for the permits of one limit, as one instance sees it.
#[derive(Debug, Default)]
pub(super) struct PermitDemand {
    /// The most permits that were in use at once since the last review, and
    /// between the two reviews before.
    peaks: [u32; 2],
    /// How many permits to ask for beyond those that requests wait for.
    batch: u32,
    /// Whether a request found no permit since the last review, and between
    /// the two reviews before.
    shortages: [bool; 2],
}

impl PermitDemand {
    /// Adds what has happened: the most permits in use at once, and how many
    /// requests found none.
    pub(super) fn add(&mut self, peak: u32, missing: u32) {
        self.peaks[0] = self.peaks[0].max(peak.saturating_add(missing));
        self.shortages[0] |= missing > 0;
    }

    /// Begins a new interval, in which so many permits are in use. The batch
    /// shrinks to nothing after an interval without a shortage.
    pub(super) fn review(&mut self, in_use: u32) {
        if self.shortages == [false, false] {
            self.batch = 0;
        }
        self.peaks = [in_use, self.peaks[0]];
        self.shortages = [false, self.shortages[0]];
    }

    /// Returns how many permits to ask for when so many requests find none. The
    /// batch doubles with each shortage, so a hot key has enough permits after
    /// a few calls, and a cold one has only those that it uses.
    pub(super) fn on_shortage(&mut self, in_use: u32, missing: u32) -> u32 {
        let want = in_use.saturating_add(missing).saturating_add(self.batch);
        self.batch = self.batch.saturating_mul(2).max(1);
        want.max(self.recent())
    }

    /// Returns how many permits to have, of which there are `count`: those of
    /// the recent peak and a quarter more, unless that saves less than a third.
    pub(super) fn to_have(&self, count: u32) -> u32 {
        let need = self.recent();
        let with_spare = need.saturating_add(need / 4);
        match count > with_spare.saturating_add(with_spare / 2) {
            true => with_spare,
            false => count.max(need),
        }
    }

    /// Returns the most permits that were lately in use at once.
    pub(super) fn recent(&self) -> u32 {
        self.peaks[0].max(self.peaks[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_grows_with_each_shortage_and_goes_when_there_is_none() {
        let mut demand = PermitDemand::default();
        let mut asked = Vec::new();
        for in_use in [0, 1, 3, 6] {
            demand.add(in_use, 1);
            asked.push(demand.on_shortage(in_use, 1));
        }
        assert_eq!(asked, [1, 3, 6, 11]);
        for _ in 0..3 {
            demand.review(0);
        }
        assert_eq!(demand.on_shortage(0, 1), 1);
    }

    #[test]
    fn idle_permits_are_not_kept() {
        let mut demand = PermitDemand::default();
        demand.add(40, 0);
        assert_eq!(demand.to_have(40), 40);
        assert_eq!(demand.to_have(75), 75);
        assert_eq!(demand.to_have(100), 50);
        demand.review(8);
        assert_eq!(demand.to_have(40), 40, "the peak was lately");
        demand.review(8);
        assert_eq!(demand.to_have(40), 10);
        demand.review(0);
        demand.review(0);
        assert_eq!(demand.to_have(1), 0);
    }
}
