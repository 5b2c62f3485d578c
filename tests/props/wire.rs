//! Laws of timeouts that are written into headers and read from them.

use std::time::Duration;

use proptest::prelude::*;
use sluicegate::deadline::Form::{Grpc, Millis, Text};

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
    fn a_callee_is_never_told_more_than_is_left(left in durations()) {
        match Grpc.write(left) {
            None => prop_assert_eq!(left, Duration::ZERO),
            Some(value) => {
                let told = Grpc.read(value.as_bytes()).unwrap();
                prop_assert!(told <= left && !told.is_zero());
                let longest = Duration::from_secs(99_999_999 * 3_600);
                let lost = left.min(longest) - told.min(longest);
                prop_assert!(lost.as_nanos() * 100_000 <= left.as_nanos());
            }
        }
        let millis = Millis.write(left).map(|value| Millis.read(value.as_bytes()).unwrap());
        prop_assert!(millis.unwrap_or_default() <= left);
        let text = Text.write(left).map(|value| Text.read(value.as_bytes()).unwrap());
        prop_assert_eq!(text, millis);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        let _ = (Grpc.read(&bytes), Text.read(&bytes), Millis.read(&bytes));
    }

    #[test]
    fn nor_do_values_that_are_almost_right(text in "[0-9.+ -]{0,22}[HMSmunhs]{0,3}") {
        let bytes = text.as_bytes();
        if let Some(timeout) = Grpc.read(bytes) {
            prop_assert!(bytes.len() <= 9 && timeout <= Duration::from_secs(99_999_999 * 3_600));
        }
        let _ = (Text.read(bytes), Millis.read(bytes));
    }
}
