//! Plays a trace through one policy, key by key.

use sluicegate::{InvalidSetting, limit::Rule};

use super::{
    allowed::{Allowed, Refused},
    trace::{Hit, Trace},
};
use crate::replay::{Policy, RuleName, WithRule};

/// Returns how much a policy refuses; `None` if that is more than allowed.
///
/// # Errors
///
/// If the rule cannot keep the quota.
pub(super) fn play(
    policy: &Policy,
    trace: &Trace,
    allowed: Allowed,
) -> Result<Option<Refused>, InvalidSetting> {
    let free = free(policy);
    policy.with_rule(Play {
        trace,
        allowed,
        free,
    })
}

/// Returns how much one key can take in all without a refusal, however fast it
/// comes: what a bucket never seen holds.
fn free(policy: &Policy) -> u64 {
    match policy.rule {
        RuleName::TokenBucket | RuleName::LeakyMeter => policy.quota.burst_size(),
        // One goes at once, and the burst waits.
        RuleName::LeakyQueue => policy.quota.burst_size() + 1,
        RuleName::SlidingWindow | RuleName::SlidingLog | RuleName::FixedWindow => {
            policy.quota.amount()
        }
    }
}

struct Play<'a> {
    trace: &'a Trace,
    allowed: Allowed,
    free: u64,
}

impl WithRule for Play<'_> {
    type Output = Option<Refused>;

    fn with<R: Rule>(self, rule: R) -> Option<Refused> {
        let mut refused = Refused::default();
        let keys = self.trace.by_key().take_while(|key| key.total > self.free);
        for key in keys {
            let before = refused.requests;
            play_key(&rule, key.hits, self.allowed, &mut refused);
            refused.keys += u64::from(refused.requests > before);
            if !self.allowed.holds(&refused) {
                return None;
            }
        }
        Some(refused)
    }
}

/// Plays one key, until too much is refused. Where only refused keys matter, one
/// refused request is enough.
fn play_key<R: Rule>(rule: &R, hits: &[Hit], allowed: Allowed, refused: &mut Refused) {
    let one_is_enough = allowed.keys.is_some() && allowed.requests.is_none();
    let (mut state, mut last) = (R::State::default(), 0);
    for hit in hits {
        // The bits of an older state would mean another instant.
        if hit.at - last > rule.lifetime() {
            state = R::State::default();
        }
        last = hit.at;
        if rule.decide(&mut state, hit.at, hit.cost.into()).is_denied() {
            refused.requests += 1;
            if one_is_enough || !allowed.holds(refused) {
                return;
            }
        }
    }
}
