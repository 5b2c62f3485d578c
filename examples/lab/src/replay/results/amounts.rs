//! Numbers, shares and times as people read them.

use jiff::Timestamp;
use sluicegate::clock::Tick;

/// Returns a number with a comma before every three digits.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a share in percent, with two significant digits or more.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if part == 0 {
        return "0 %".to_owned();
    }
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    let digits = match percent {
        1.0.. => 1,
        0.1.. => 2,
        0.01.. => 3,
        _ => 4,
    };
    format!("{percent:.digits$} %")
}

/// Returns an instant in UTC, to the second.
pub(crate) fn instant(at: Tick) -> String {
    let micros = i64::try_from(at).ok();
    let timestamp = micros.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    let text = timestamp.map(|it| it.strftime("%Y-%m-%d %H:%M:%S").to_string());
    text.unwrap_or_else(|| format!("{at} us"))
}

/// Returns a length of time in its two largest units.
pub(crate) fn span(us: Tick) -> String {
    let seconds = us / 1_000_000;
    match seconds {
        0 if us == 0 => "0 s".to_owned(),
        0 if us < 1_000 => format!("{us} us"),
        0 => format!("{} ms", us / 1_000),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn shares_keep_two_digits() {
        assert_eq!(share(0, 0), "0 %");
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(1, 30), "3.3 %");
        assert_eq!(share(1, 3_000), "0.033 %");
    }

    #[test]
    fn spans_have_two_units() {
        let texts = [
            500,
            2_000,
            7_000_000,
            61_000_000,
            3_660_000_000,
            90_000_000_000,
        ]
        .map(span);
        assert_eq!(
            texts,
            ["500 us", "2 ms", "7 s", "1m 01s", "1h 01m", "1d 01h"]
        );
    }

    #[test]
    fn instants_are_in_utc() {
        assert_eq!(instant(971_211_336_000_000), "2000-10-10 20:55:36");
        assert_eq!(instant(Tick::MAX), format!("{} us", Tick::MAX));
    }
}
