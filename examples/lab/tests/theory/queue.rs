//! The leaky bucket as a queue: an even output, in the order of arrival.

use crate::support::{SECOND, flood, passages};

#[test]
fn the_output_is_never_closer_than_the_interval() {
    let bursts = flood(60).filter(|at| at / SECOND % 7 < 2);
    let passed = passages("leaky-queue", "100/10s burst 20", bursts);
    assert!(passed.len() > 200);
    for pair in passed.windows(2) {
        assert!(pair[1] - pair[0] >= SECOND / 10, "{pair:?}");
    }
}

#[test]
fn requests_pass_in_the_order_in_which_they_came() {
    let passed = passages("leaky-queue", "100/10s burst 20", flood(60));
    assert!(passed.is_sorted());
    // One at once and 20 in the queue; then one place is free every 100 ms.
    assert_eq!(passed.len(), 1 + 20 + 10 * 60 - 1);
}
