//! One decision of several.

use crate::{clock::Tick, limit::decision::Decision};

/// The admissions of all members: the tightest, with the longest of their
/// waits.
#[derive(Default)]
pub(super) struct Combined {
    /// `None` until the first is added.
    tightest: Option<Decision>,
    /// In ticks.
    wait: Tick,
}

impl Combined {
    /// Adds the admission of one member, by its index.
    pub(super) fn add(&mut self, member: usize, decision: &Decision) {
        self.wait = self.wait.max(decision.wait_ticks().unwrap_or(0));
        let tighter = |tightest: &Decision| decision.is_tighter_than(tightest);
        if self.tightest.as_ref().is_none_or(tighter) {
            self.tightest = Some(decision.by(member));
        }
    }

    /// Returns the decision of the tightest member. It waits as long as the
    /// longest wait of any member.
    ///
    /// # Panics
    ///
    /// If no decision was added.
    pub(super) fn decision(&self) -> Decision {
        let decision = self.tightest.expect("a tuple has at least one member");
        match self.wait {
            0 => decision,
            wait => decision.waiting(wait),
        }
    }
}

/// The denial that lasts longer; the first if they last equally long. One that
/// never passes lasts longest.
pub(in crate::limit) fn longer_denial(one: Option<Decision>, other: Decision) -> Decision {
    let lasts = |denial: &Decision| denial.retry_ticks().unwrap_or(Tick::MAX);
    one.filter(|one| lasts(one) >= lasts(&other))
        .unwrap_or(other)
}
