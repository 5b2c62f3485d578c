//! Laws of what is written into headers, and read from them.

use std::time::Duration;

use proptest::prelude::*;
use sluicegate::deadline::wire::{
    read_grpc, read_millis, read_timeout, write_grpc, write_millis, write_timeout,
};

/// From nanoseconds to thousands of years, each order of magnitude as often.
fn durations() -> impl Strategy<Value = Duration> {
    (0..70_u32, any::<u64>()).prop_map(|(bits, random)| {
        let nanos = (u128::from(random) << 32) >> (96 - bits);
        Duration::new(
            (nanos / 1_000_000_000) as u64,
            (nanos % 1_000_000_000) as u32,
        )
    })
}

proptest! {
    #[test]
    fn a_hop_is_never_told_of_more_than_is_left(left in durations()) {
        match write_grpc(left) {
            None => prop_assert_eq!(left, Duration::ZERO),
            Some(value) => {
                let told = read_grpc(value.as_bytes()).unwrap();
                prop_assert!(told <= left && !told.is_zero());
                let longest = Duration::from_secs(99_999_999 * 3_600);
                let lost = left.min(longest) - told.min(longest);
                prop_assert!(lost.as_nanos() * 100_000 <= left.as_nanos());
            }
        }
        let millis = write_millis(left).map(|value| read_millis(value.as_bytes()).unwrap());
        prop_assert!(millis.unwrap_or_default() <= left);
        let words = write_timeout(left).map(|value| read_timeout(value.as_bytes()).unwrap());
        prop_assert_eq!(words, millis);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        let _ = (read_grpc(&bytes), read_timeout(&bytes), read_millis(&bytes));
    }

    #[test]
    fn almost_good_values_neither(text in "[0-9.+ -]{0,22}[HMSmunhs]{0,3}") {
        let bytes = text.as_bytes();
        if let Ok(timeout) = read_grpc(bytes) {
            prop_assert!(bytes.len() <= 9 && timeout <= Duration::from_secs(99_999_999 * 3_600));
        }
        let _ = (read_timeout(bytes), read_millis(bytes));
    }
}
