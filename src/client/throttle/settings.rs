//! The settings of the layer, and the formula.

use std::sync::Arc;

use super::{
    observe::{Event, Observe},
    window::CallCounts,
};
use crate::{criticality::Criticality, random_bits::RandomBits};

/// The settings that do not change the type of a layer.
#[derive(Clone, Debug)]
pub(super) struct ThrottleSettings {
    /// How many calls there may be for each accepted one.
    pub(super) ratio: f64,
    /// The greatest probability of a refusal.
    pub(super) max_refused: f64,
    /// Fewer calls than this are not refused.
    pub(super) min_calls: u64,
    pub(super) shadow: bool,
    pub(super) observer: Option<Arc<dyn Observe>>,
    pub(super) random: RandomBits,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self {
            ratio: 2.0,
            max_refused: 0.8,
            min_calls: 5,
            shadow: false,
            observer: None,
            random: RandomBits::default(),
        }
    }
}

impl ThrottleSettings {
    /// Returns the probability with which the next call is refused.
    pub(super) fn probability(&self, counts: CallCounts) -> f64 {
        let (calls, accepted) = (counts.calls as f64, counts.accepted as f64);
        let probability = (calls - self.ratio * accepted) / (calls + 1.0);
        match counts.calls < self.min_calls {
            true => 0.0,
            false => probability.clamp(0.0, self.max_refused),
        }
    }

    /// Returns whether to refuse the next call. Most need no random number.
    pub(super) fn refuses(&self, counts: CallCounts) -> bool {
        let probability = self.probability(counts);
        probability > 0.0 && self.random.fraction() < probability
    }

    /// Notifies the observer, if there is one.
    pub(super) fn notice(&self, event: Event, level: Criticality) {
        if let Some(observer) = &self.observer {
            observer.noticed(&event, level);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probability(calls: u64, accepted: u64) -> f64 {
        let settings = ThrottleSettings {
            max_refused: 1.0,
            ..ThrottleSettings::default()
        };
        settings.probability(CallCounts { calls, accepted })
    }

    #[test]
    fn the_probability_is_that_of_the_book() {
        assert_eq!(probability(100, 100), 0.0);
        assert_eq!(probability(100, 50), 0.0);
        assert_eq!(probability(99, 25), 0.49);
        assert_eq!(probability(99, 0), 0.99);
    }

    #[test]
    fn it_is_zero_for_few_calls_and_has_a_maximum() {
        assert_eq!(probability(4, 0), 0.0);
        assert_eq!(probability(5, 0), 5.0 / 6.0);
        let settings = ThrottleSettings::default();
        let counts = CallCounts {
            calls: 1_000_000,
            accepted: 0,
        };
        assert_eq!(settings.probability(counts), 0.8);
    }
}
