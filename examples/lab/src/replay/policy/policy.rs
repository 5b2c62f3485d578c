//! A rule with its quota.

use std::fmt;

use sluicegate::{
    InvalidSetting,
    limit::{FixedWindow, LeakyBucket, Quota, Rule, SlidingLog, SlidingWindow, TokenBucket},
};

use super::rule_name::RuleName;

/// A rule with its quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The rule.
    pub rule: RuleName,
    /// Its quota.
    pub quota: Quota,
}

/// Work on a rule of any type.
pub(crate) trait WithRule {
    type Output;

    fn with<R: Rule>(self, rule: R) -> Self::Output;
}

/// No work: only the quota is checked.
struct Nothing;

impl WithRule for Nothing {
    type Output = ();

    fn with<R: Rule>(self, _rule: R) {}
}

impl Policy {
    /// A rule with its quota, without the burst if the rule ignores it.
    pub fn new(rule: RuleName, quota: Quota) -> Self {
        let without_burst = || quota.try_burst(quota.amount()).unwrap_or(quota);
        let quota = if rule.has_burst() {
            quota
        } else {
            without_burst()
        };
        Self { rule, quota }
    }

    /// Returns why the rule cannot keep the quota, if it cannot.
    pub(crate) fn error(&self) -> Option<InvalidSetting> {
        self.with_rule(Nothing).err()
    }

    /// Does the work on the rule.
    ///
    /// # Errors
    ///
    /// If the rule cannot keep the quota: a sliding log keeps 65,536 at most.
    pub(crate) fn with_rule<W: WithRule>(&self, work: W) -> Result<W::Output, InvalidSetting> {
        let Self { rule, quota } = *self;
        Ok(match rule {
            RuleName::TokenBucket => work.with(TokenBucket::new(quota)),
            RuleName::LeakyQueue => {
                let places = quota.burst_size();
                work.with(LeakyBucket::new(quota).try_queue(places)?)
            }
            RuleName::LeakyMeter => work.with(LeakyBucket::meter(quota)),
            RuleName::SlidingWindow => work.with(SlidingWindow::try_new(quota)?),
            RuleName::SlidingLog => work.with(SlidingLog::try_new(quota)?),
            RuleName::FixedWindow => work.with(FixedWindow::new(quota)),
        })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.rule, self.quota))
    }
}
