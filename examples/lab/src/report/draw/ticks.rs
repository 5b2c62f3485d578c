//! The round values at which an axis has marks.

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: String,
}

/// Returns marks from 0 to at most `max`, about `wanted` of them, at multiples of
/// 1, 2 or 5 times a power of ten.
pub(super) fn linear(max: f64, wanted: u32) -> Vec<Tick> {
    let (mantissa, exponent) = step(max / f64::from(wanted.max(1)));
    let unit = f64::from(mantissa) * 10_f64.powi(exponent);
    let max = max.max(0.0);
    // A sum of steps would end in values such as 0.30000000000000004.
    (0..)
        .map(|n: u32| f64::from(n * mantissa) * 10_f64.powi(exponent))
        .take_while(|value| *value <= max + unit * 1e-9)
        .map(|value| tick(value, exponent))
        .collect()
}

/// Returns 0 and powers of ten up to at most `max`, not more than three of them.
pub(super) fn logarithmic(max: f64) -> Vec<Tick> {
    let decades = max.max(1.0).log10().floor() as usize;
    let apart = decades.div_ceil(3).max(1);
    let powers = (1..=decades as i32).step_by(apart).map(|n| 10_f64.powi(n));
    std::iter::once(0.0)
        .chain(powers)
        .map(|value| tick(value, 0))
        .collect()
}

/// Returns the smallest step of at least `least`, as 1, 2 or 5 and an exponent.
fn step(least: f64) -> (u32, i32) {
    let least = if least.is_finite() && least > 0.0 {
        least
    } else {
        1.0
    };
    let exponent = least.log10().floor() as i32;
    let mantissa = least / 10_f64.powi(exponent);
    match mantissa {
        m if m <= 1.0 + 1e-9 => (1, exponent),
        m if m <= 2.0 + 1e-9 => (2, exponent),
        m if m <= 5.0 + 1e-9 => (5, exponent),
        _ => (1, exponent + 1),
    }
}

fn tick(value: f64, exponent: i32) -> Tick {
    Tick {
        value,
        label: label(value, exponent),
    }
}

fn label(value: f64, exponent: i32) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", v / 1e6),
        v if v >= 1e3 => format!("{}k", v / 1e3),
        v => format!("{v:.*}", usize::try_from(-exponent).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn marks_stand_at_round_values() {
        assert_eq!(labels(&linear(0.35, 3)), ["0.0", "0.2"]);
        assert_eq!(labels(&linear(0.3, 3)), ["0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(&linear(97.0, 2)), ["0", "50"]);
        assert_eq!(labels(&linear(25_000.0, 2)), ["0", "20k"]);
    }

    #[test]
    fn no_range_breaks_the_marks() {
        for max in [0.0, f64::NAN, 1e-9, 1.0, 1e12] {
            assert!((1..=6).contains(&linear(max, 4).len()), "{max}");
        }
    }

    #[test]
    fn logarithmic_marks_are_powers_of_ten() {
        assert_eq!(labels(&logarithmic(2_500.0)), ["0", "10", "100", "1k"]);
        assert_eq!(labels(&logarithmic(25_000.0)), ["0", "10", "1k"]);
    }
}
