//! Token buckets: GCRA admits B + rate x t in any time t.

use crate::support::{SECOND, flood, passages};

const GCRA: [&str; 4] = ["token-bucket", "leaky-meter", "governor", "tower-governor"];

/// 10 a second and 20 at once: at t the (20 + 10 t)-th passes, and not before.
#[test]
fn a_flood_passes_as_burst_and_rate_say() {
    for id in GCRA {
        let passed = passages(id, "100/10s burst 20", flood(60));
        for (number, at) in passed.iter().enumerate() {
            let allowed = 20 + 10 * at / SECOND;
            assert!((number as u64) < allowed, "{id}: {number} at {at}");
        }
        assert_eq!(passed.len(), 20 + 10 * 60 - 1, "{id}");
    }
}

/// No span of any length admits more than B + rate x t.
#[test]
fn no_span_admits_more_than_burst_and_rate() {
    let quiet_and_bursts = || flood(60).filter(|at| at / SECOND % 7 < 2);
    for id in GCRA {
        let passed = passages(id, "100/10s burst 20", quiet_and_bursts());
        for (first, begin) in passed.iter().enumerate() {
            for (last, end) in passed.iter().enumerate().skip(first) {
                let count = (last - first + 1) as u64;
                let allowed = 20 + 10 * (end - begin) / SECOND;
                assert!(count <= allowed, "{id}: {count} from {begin} to {end}");
            }
        }
    }
}

#[test]
fn governor_and_the_token_bucket_decide_alike_where_a_token_is_whole() {
    let mixed = || flood(60).filter(|at| at / 1_000 % 13 < 3);
    let ours = passages("token-bucket", "100/10s burst 20", mixed());
    assert_eq!(passages("governor", "100/10s burst 20", mixed()), ours);
}
