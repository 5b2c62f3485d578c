//! The quotas and bursts that are tried.

/// Returns all numbers of at most two significant digits, from 1 until one is
/// at least `end`: 1 to 99, 100, 110, ..., 990, 1000, 1100, ...
pub(super) fn amounts(end: u64) -> Vec<u64> {
    up_to(
        end,
        (1..=99)
            .chain(scales(100).flat_map(|scale| (10..=99).map(move |digits| digits * scale / 10))),
    )
}

/// Returns 1, 2, 5, 10, 20, 50, ... until one is at least `end`.
pub(super) fn bursts(end: u64) -> Vec<u64> {
    up_to(
        end,
        scales(1).flat_map(|scale| [1, 2, 5].map(|digit| digit * scale)),
    )
}

/// The largest number that is tried.
const MAX: u64 = 1 << 40;

/// Returns the powers of ten from `first`.
fn scales(first: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(first), |scale| {
        Some(scale * 10).filter(|scale| *scale <= MAX)
    })
}

/// Returns the numbers up to the first that is at least `end`.
fn up_to(end: u64, numbers: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut reached = false;
    numbers
        .take_while(|number| !std::mem::replace(&mut reached, *number >= end))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_ends_with_the_first_number_that_is_enough() {
        assert_eq!(bursts(0), [1]);
        assert_eq!(bursts(11), [1, 2, 5, 10, 20]);
        assert_eq!(amounts(1), [1]);
        assert_eq!(amounts(99).len(), 99);
        assert_eq!(amounts(115)[97..], [98, 99, 100, 110, 120]);
        assert_eq!(amounts(1_000).last(), Some(&1_000));
        assert_eq!(amounts(1_001).last(), Some(&1_100));
    }

    #[test]
    fn no_amount_leaves_a_gap_of_more_than_a_tenth() {
        let amounts = amounts(1_000_000);
        assert!(
            amounts.windows(2).all(|pair| pair[1] > pair[0]
                && (pair[1] - pair[0] == 1 || pair[1] * 10 <= pair[0] * 11))
        );
    }
}
