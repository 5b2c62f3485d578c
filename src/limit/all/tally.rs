//! What several decisions come to.

use crate::{clock::Tick, limit::decision::Decision};

/// Admissions: the tightest, and the longest of their waits.
#[derive(Default)]
pub(super) struct Tally {
    tightest: Option<Decision>,
    wait: Tick,
}

impl Tally {
    pub(super) fn add(&mut self, part: usize, decision: &Decision) {
        self.wait = self.wait.max(decision.wait_ticks().unwrap_or(0));
        let tighter = |tightest: &Decision| decision.is_tighter_than(tightest);
        if self.tightest.as_ref().is_none_or(tighter) {
            self.tightest = Some(decision.by(part));
        }
    }

    pub(super) fn decision(&self) -> Decision {
        let decision = self.tightest.expect("there is no tuple without a part");
        match self.wait {
            0 => decision,
            wait => decision.waiting(wait),
        }
    }
}

/// The denial that lasts longer; the first if they last as long.
pub(super) fn graver(one: Option<Decision>, other: Decision) -> Decision {
    let lasts = |denial: &Decision| denial.retry_ticks().unwrap_or(Tick::MAX);
    one.filter(|one| lasts(one) >= lasts(&other))
        .unwrap_or(other)
}
