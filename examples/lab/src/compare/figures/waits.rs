//! How long requests waited.

use crate::{compare::simulate::Passage, results::Waits};

/// Returns the quantiles of the times from the first attempt to the passage, by the
/// nearest rank.
pub fn waits(passages: &[Passage]) -> Option<Waits> {
    let waits = passages.iter().map(|passage| passage.at - passage.asked);
    let mut waits: Vec<_> = waits.collect();
    waits.sort_unstable();
    let at = |percent: usize| waits[(waits.len() * percent).div_ceil(100) - 1];
    (!waits.is_empty()).then(|| Waits {
        p50_us: at(50),
        p99_us: at(99),
        max_us: at(100),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let passage = |at| Passage {
            client: 0,
            asked: 0,
            at,
        };
        let all: Vec<_> = (1..=200).rev().map(passage).collect();
        let expected = Waits {
            p50_us: 100,
            p99_us: 198,
            max_us: 200,
        };
        assert_eq!(waits(&all), Some(expected));
        assert_eq!(waits(&all[..1]).map(|waits| waits.p50_us), Some(200));
        assert_eq!(waits(&[]), None);
    }
}
