//! The rate that is admitted in the long run.

use std::time::Duration;

use proptest::prelude::*;
use sluicegate::limit::{Quota, Rule, TokenBucket, Word};

use crate::support::START;

/// The largest denominator that is kept exactly.
const FINEST: u64 = 1 << 21;

const HOUR: u64 = 3_600_000_000;

/// Takes all there is, in steps that never let the bucket run over, and says
/// how much that was beyond the burst.
fn admitted(quota: Quota, span: u64) -> u64 {
    let rule = TokenBucket::new(quota);
    let mut state = Word::default();
    let mut take_all = |now| {
        let left = rule.decide(&mut state, now, 0).remaining();
        assert!(rule.decide(&mut state, now, left).is_admitted());
        left
    };
    assert_eq!(take_all(START), quota.burst_size());
    let steps = span.div_ceil((rule.horizon() / 2).max(1)).max(1);
    // A bucket that is too small for steps of a tick runs over: no test of rates.
    let step = span / steps;
    let total: u64 = (1..=steps)
        .map(|count| take_all(START + count * step))
        .sum();
    total + take_all(START + span)
}

fn exact(quota: Quota, span: u64) -> u64 {
    (u128::from(span) * u128::from(quota.amount()) / quota.period().as_micros()) as u64
}

fn denominator(quota: Quota) -> u64 {
    let (mut a, mut b) = (quota.period().as_micros() as u64, quota.amount());
    while b > 0 {
        (a, b) = (b, a % b);
    }
    quota.amount() / a
}

/// From one a day to 50 million a second.
fn any_rate() -> impl Strategy<Value = Quota> {
    let day = (1_u64..10_000).prop_map(Quota::per_day);
    let minute = (1_u64..5_000_000).prop_map(Quota::per_minute);
    let second = (1_u64..50_000_000).prop_map(Quota::per_second);
    let odd = (1_u64..100_000, 1_u64..10_000_000).prop_filter_map(
        "not above 50 a microsecond",
        |(amount, micros)| {
            (amount <= 50 * micros)
                .then(|| Quota::new(amount, Duration::from_micros(micros)).ok())?
        },
    );
    prop_oneof![day, minute, second, odd]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn over_an_hour_is_exact_or_slower_by_less_than_a_millionth(quota in any_rate()) {
        // Tens of steps an hour are enough, and a burst of minutes makes them so.
        let burst = (quota.amount() as u128 * 120_000_000 / quota.period().as_micros()).max(2) as u64;
        let quota = quota.try_burst(burst);
        prop_assume!(quota.is_ok());
        let quota = quota.unwrap();
        let (admitted, exact) = (admitted(quota, HOUR), exact(quota, HOUR));
        prop_assert!(admitted <= exact, "{} of {}", admitted, exact);
        if denominator(quota) <= FINEST {
            prop_assert_eq!(admitted, exact);
        } else {
            prop_assert!(exact - admitted <= exact / 1_000_000 + 1, "{} of {}", admitted, exact);
        }
    }
}

#[test]
fn fifty_million_a_second_is_exact_over_an_hour() {
    let quota = Quota::per_second(50_000_000);
    assert_eq!(admitted(quota, HOUR), 180_000_000_000);
}

#[test]
fn the_largest_exact_denominator_is_exact_and_the_next_prime_is_close() {
    let second = Quota::per_second;
    assert_eq!(admitted(second(2_097_143), HOUR), 2_097_143 * 3_600);
    let exact = 2_097_169 * 3_600;
    let kept = admitted(second(2_097_169), HOUR);
    assert!(
        kept <= exact && exact - kept <= exact / 1_000_000,
        "{kept} of {exact}"
    );
}
