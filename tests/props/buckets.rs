//! Token bucket and leaky bucket against the text books.

use proptest::prelude::*;
use sluicegate::limit::{LeakyBucket, Quota, Rule, TokenBucket};

use crate::support::{START, conforms, passed, play, quota, with_arrivals};

/// A bucket as it is drawn on paper: a level that rises, counted in parts of a
/// token so fine that nothing is ever rounded.
struct Paper {
    level: u128,
    seen: u64,
    quota: Quota,
}

impl Paper {
    fn new(quota: Quota) -> Self {
        Self {
            level: Self::size(quota),
            seen: START,
            quota,
        }
    }

    fn size(quota: Quota) -> u128 {
        u128::from(quota.burst_size()) * quota.period().as_micros()
    }

    fn take(&mut self, now: u64, cost: u64) -> bool {
        let risen = u128::from(now - self.seen) * u128::from(self.quota.amount());
        self.level = (self.level + risen).min(Self::size(self.quota));
        self.seen = now;
        let cost = u128::from(cost) * self.quota.period().as_micros();
        let passes = cost <= self.level;
        if passes {
            self.level -= cost;
        }
        passes
    }

    fn remaining(&self) -> u128 {
        self.level / self.quota.period().as_micros()
    }
}

proptest! {
    #[test]
    fn a_token_bucket_is_the_bucket_on_paper((quota, arrivals) in with_arrivals(quota(), Quota::burst_size)) {
        let mut paper = Paper::new(quota);
        play(&TokenBucket::new(quota), &arrivals, |_, now, cost, decision| {
            assert_eq!(decision.is_admitted(), paper.take(now, cost));
            assert_eq!(u128::from(decision.remaining()), paper.remaining());
        });
    }

    #[test]
    fn no_span_lets_more_pass_than_the_burst_and_the_rate((quota, arrivals) in with_arrivals(quota(), Quota::burst_size)) {
        let passed = passed(&TokenBucket::new(quota), &arrivals);
        prop_assert_eq!(conforms(&passed, quota, quota.burst_size()), Ok(()));
    }

    #[test]
    fn a_leaky_bucket_lets_out_one_at_a_time((quota, arrivals) in with_arrivals(quota(), Quota::burst_size)) {
        let passed = passed(&LeakyBucket::new(quota), &arrivals);
        let (amount, period) = (u128::from(quota.amount()), quota.period().as_micros());
        for pair in passed.windows(2) {
            let [first, second] = pair else { unreachable!("windows of two") };
            // Instants are rounded up to a tick.
            let apart = u128::from(second.at + 1 - first.at) * amount;
            prop_assert!(apart >= u128::from(first.cost) * period);
        }
    }

    #[test]
    fn idle_time_never_doubles_the_burst(quota in quota(), idle in 0_u64..1 << 44) {
        let rule = TokenBucket::new(quota);
        let (mut state, burst) = (Default::default(), quota.burst_size());
        prop_assert!(rule.decide(&mut state, START, burst).is_admitted());
        let full = START + rule.horizon() + idle % rule.lifetime();
        prop_assert!(rule.decide(&mut state, full, burst).is_admitted());
        prop_assert!(rule.decide(&mut state, full, 1).is_denied());
    }

    #[test]
    fn debt_is_paid_back_at_the_rate(quota in quota(), debt in 1_u64..10_000) {
        let rule = TokenBucket::new(quota);
        let mut state = Default::default();
        rule.debit(&mut state, START, quota.burst_size() + debt);
        let denied = rule.decide(&mut state, START, 1);
        let paid = u128::from(debt + 1) * quota.period().as_micros();
        let expected = paid.div_ceil(u128::from(quota.amount()));
        prop_assert_eq!(denied.retry_after().unwrap().as_micros(), expected);
    }
}
