//! How numbers are written, everywhere on the page. A test reads them back and
//! compares them with `results.json`.

/// Between a number and its unit, so that no line ends there: U+00A0.
pub const SPACE: char = '\u{a0}';

/// Writes a count: `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a time in microseconds with at most three significant digits and a unit:
/// `0 s`, `250 µs`, `1.25 ms`, `2 s`.
pub fn time(us: u64) -> String {
    match us {
        0 => format!("0{SPACE}s"),
        1..1_000 => format!("{us}{SPACE}µs"),
        1_000..999_500 => format!("{}{SPACE}ms", significant(us as f64 / 1e3)),
        _ => format!("{}{SPACE}s", significant(us as f64 / 1e6)),
    }
}

/// Writes how often `whole` goes into `part`: `1.25×`.
pub fn times(part: u64, whole: u64) -> String {
    let share = part as f64 / whole.max(1) as f64;
    format!("{share:.2}×")
}

/// Writes the share of `part` in `whole`: `12.5 %`.
pub fn percent(part: u64, whole: u64) -> String {
    let share = 100.0 * part as f64 / whole.max(1) as f64;
    format!("{share:.1}{SPACE}%")
}

/// Writes an index with two decimal places, or a dash if there is none.
pub fn index(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.2}"))
}

/// Rounds to hundredths, as [`index`] writes values. They are also finer than a
/// measurement repeats.
pub fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Writes a measured value with at most three significant digits: `0.063`, `20.5`,
/// `1,240`.
pub fn significant(value: f64) -> String {
    if value.abs() >= 100.0 {
        return count(value.round() as u64);
    }
    let decimals = match value.abs() {
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn a_time_has_the_unit_that_fits() {
        assert_eq!(time(0), "0\u{a0}s");
        assert_eq!(time(999), "999\u{a0}µs");
        assert_eq!(time(1_250), "1.25\u{a0}ms");
        assert_eq!(time(999_499), "999\u{a0}ms");
        assert_eq!(time(999_500), "1\u{a0}s");
        assert_eq!(time(62_340_000), "62.3\u{a0}s");
        assert_eq!(time(3_600_000_000), "3,600\u{a0}s");
    }

    #[test]
    fn shares_of_nothing_are_nothing() {
        assert_eq!(percent(0, 0), "0.0\u{a0}%");
        assert_eq!(times(200, 100), "2.00×");
    }

    #[test]
    fn measured_values_have_three_digits() {
        assert_eq!(significant(0.062_6), "0.063");
        assert_eq!(significant(9.996), "10");
        assert_eq!(significant(20.46), "20.5");
        assert_eq!(significant(99.96), "100");
        assert_eq!(significant(1_240.4), "1,240");
        assert_eq!(significant(0.0), "0");
    }
}
