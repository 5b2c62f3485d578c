//! Scales: from values to distances in a plot.

use super::ticks::{self, Tick};

/// How values become distances along an axis. Both begin at 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Scale {
    /// Equal distances for equal differences, up to the given value.
    Linear(f64),
    /// Equal distances for equal factors, up to the given value: the distance of `v`
    /// is the logarithm of `1 + v`, so that 0 has a place.
    Logarithmic(f64),
}

impl Scale {
    /// Returns the share of the axis, 0 to 1, at which `value` stands.
    pub(super) fn share(self, value: f64) -> f64 {
        let (value, max) = match self {
            Self::Linear(max) => (value, max),
            Self::Logarithmic(max) => (value.ln_1p(), max.ln_1p()),
        };
        if max > 0.0 {
            (value / max).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// Returns the marks of the axis, about `wanted` of them if it is linear.
    pub(super) fn ticks(self, wanted: u32) -> Vec<Tick> {
        match self {
            Self::Linear(max) => ticks::linear(max, wanted),
            Self::Logarithmic(max) => ticks::logarithmic(max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_scale_are_the_ends_of_the_axis() {
        for scale in [Scale::Linear(40.0), Scale::Logarithmic(40.0)] {
            assert_eq!(scale.share(0.0), 0.0);
            assert_eq!(scale.share(40.0), 1.0);
            assert_eq!(scale.share(80.0), 1.0);
        }
    }

    #[test]
    fn an_axis_without_a_range_draws_everything_at_its_start() {
        assert_eq!(Scale::Linear(0.0).share(3.0), 0.0);
    }

    #[test]
    fn a_logarithmic_scale_shows_the_small_beside_the_large() {
        assert!(Scale::Logarithmic(10_000.0).share(100.0) > 0.4);
    }
}
