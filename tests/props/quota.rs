//! A quota as text reads back to the same quota.

use std::time::Duration;

use proptest::prelude::*;
use sluicegate::limit::Quota;

/// Any quota: numbers of every size, and periods that are whole in every unit.
fn quotas() -> impl Strategy<Value = Quota> {
    let unit = prop::sample::select(vec![1_u64, 1_000, 1_000_000, 60_000_000, 3_600_000_000]);
    let period = (1..=1_u64 << 18, unit).prop_map(|(count, unit)| count * unit);
    let parts = (0..52_u32, any::<u64>(), period, 0..52_u32, any::<u64>());
    parts.prop_filter_map(
        "not a quota",
        |(bits, amount, period, burst_bits, burst)| {
            let amount = 1 + amount % (1 << bits);
            let quota = Quota::new(amount, Duration::from_micros(period)).ok()?;
            let burst = 1 + burst % (1 << burst_bits);
            Some(quota.try_burst(burst).unwrap_or(quota))
        },
    )
}

proptest! {
    #[test]
    fn a_quota_written_reads_back(quota in quotas()) {
        prop_assert_eq!(quota.to_string().parse(), Ok(quota));
        prop_assert_eq!(format!("{quota:?}"), quota.to_string());
        let json = serde_json::to_string(&quota).unwrap();
        prop_assert_eq!(serde_json::from_str::<Quota>(&json).unwrap(), quota);
    }

    #[test]
    fn no_text_panics_and_what_is_read_is_written(text in "[0-9]{0,20} ?(/|per|x)? ?[0-9]{0,20} ?(us|ms|s|m|hours|day|y)?( burst)? ?[0-9]{0,20}") {
        if let Ok(quota) = text.parse::<Quota>() {
            prop_assert_eq!(quota.to_string().parse(), Ok(quota));
        }
    }
}
