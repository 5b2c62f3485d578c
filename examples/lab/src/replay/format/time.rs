//! Times of log lines: `[10/Oct/2000:13:55:36 -0700]`, RFC 3339, and numbers
//! since 1970.

use jiff::{Timestamp, civil::DateTime, fmt::strtime, tz::Offset};
use sluicegate::clock::Tick;

/// The time of an access log, as both nginx and Apache write it, or with a fraction
/// of the second.
const CLF: &str = "%d/%b/%Y:%H:%M:%S%.f %z";

/// Longest text that is remembered. Longer ones are read anew each time.
const MAX_MEMO_BYTES: usize = 32;

/// Reads times. It remembers the last one, because most lines of a log repeat
/// the text of the line before.
#[derive(Debug, Default)]
pub(super) struct TimeReader {
    text: Vec<u8>,
    at: Tick,
}

impl TimeReader {
    /// Returns the microseconds since 1970; `None` if the text is not a time,
    /// or is one before 1970.
    #[inline]
    pub(super) fn read(&mut self, text: &[u8]) -> Option<Tick> {
        if self.text == text && !text.is_empty() {
            return Some(self.at);
        }
        let at = parse(text)?;
        if text.len() <= MAX_MEMO_BYTES {
            self.text.clear();
            self.text.extend_from_slice(text);
            self.at = at;
        }
        Some(at)
    }
}

/// Reads one of the formats, which are told apart by their first bytes.
fn parse(text: &[u8]) -> Option<Tick> {
    let text = text.trim_ascii();
    if text
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'.')
    {
        return epoch(text);
    }
    let text = std::str::from_utf8(text).ok()?;
    let timestamp = match text.as_bytes().get(2) {
        Some(b'/') => strtime::parse(CLF, text).ok()?.to_timestamp().ok()?,
        _ => internet(text)?,
    };
    Tick::try_from(timestamp.as_microsecond()).ok()
}

/// Reads RFC 3339 and its relatives. A time without an offset is one in UTC. A
/// date alone is not an instant.
fn internet(text: &str) -> Option<Timestamp> {
    if !text.contains(':') {
        return None;
    }
    if let Ok(timestamp) = text.parse() {
        return Some(timestamp);
    }
    let local: DateTime = text.parse().ok()?;
    Offset::UTC.to_timestamp(local).ok()
}

/// Reads a number since 1970, whose unit its digits tell: up to 11 are seconds
/// (until the year 5138), up to 14 milliseconds, up to 17 microseconds, and more
/// are nanoseconds.
fn epoch(text: &[u8]) -> Option<Tick> {
    let dot = memchr::memchr(b'.', text);
    let (whole, fraction) = match dot {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &b""[..]),
    };
    let number: u64 = std::str::from_utf8(whole).ok()?.parse().ok()?;
    if fraction.contains(&b'.') {
        return None;
    }
    Some(match whole.len() {
        0..=11 => number * 1_000_000 + micros(fraction, 6),
        12..=14 => number * 1_000 + micros(fraction, 3),
        15..=17 => number,
        _ => number / 1_000,
    })
}

/// Returns the first `digits` digits of a fraction, as a whole number.
fn micros(fraction: &[u8], digits: usize) -> u64 {
    let padded = fraction.iter().chain(std::iter::repeat(&b'0'));
    padded
        .take(digits)
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Tick = 1_000_000;

    fn read(text: &str) -> Option<Tick> {
        TimeReader::default().read(text.as_bytes())
    }

    #[test]
    fn every_format_of_one_instant_reads_the_same() {
        let at = 971_211_336 * SECOND;
        for text in [
            "10/Oct/2000:13:55:36 -0700",
            "10/Oct/2000:20:55:36 +0000",
            "2000-10-10T20:55:36Z",
            "2000-10-10T13:55:36-07:00",
            "2000-10-10 13:55:36-0700",
            "2000-10-10t20:55:36.000z",
            "2000-10-10T20:55:36",
            "971211336",
            "971211336.000",
            "971211336000",
            "971211336000000",
            "971211336000000000",
        ] {
            assert_eq!(read(text), Some(at), "{text}");
        }
    }

    #[test]
    fn fractions_are_kept_to_the_microsecond() {
        for (text, micros) in [
            ("2000-10-10T20:55:36.123456789Z", 123_456),
            ("2000-10-10T20:55:36,5Z", 500_000),
            ("10/Oct/2000:13:55:36.125 -0700", 125_000),
            ("971211336.25", 250_000),
            ("971211336250.75", 250_750),
        ] {
            assert_eq!(read(text), Some(971_211_336 * SECOND + micros), "{text}");
        }
    }

    /// In Berlin the hour from 2 to 3 came twice. The offset tells which.
    #[test]
    fn the_hour_that_repeats_in_autumn_is_read_by_its_offset() {
        let summer = read("27/Oct/2024:02:30:00 +0200").unwrap();
        let winter = read("27/Oct/2024:02:30:00 +0100").unwrap();
        assert_eq!(winter - summer, 3_600 * SECOND);
    }

    #[test]
    fn other_text_is_not_a_time() {
        for text in [
            "",
            "-",
            ".",
            "1.2.3",
            "10/Okt/2000:13:55:36 -0700",
            "31/Feb/2000:00:00:00 +0000",
            "1969-12-31T23:59:59Z",
            "99999999999999999999",
            "2000-10-10",
            "é",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_memo_does_not_answer_for_another_text() {
        let mut times = TimeReader::default();
        assert_eq!(times.read(b"1700000000"), Some(1_700_000_000 * SECOND));
        assert_eq!(times.read(b"1700000001"), Some(1_700_000_001 * SECOND));
        assert_eq!(times.read(b"x"), None);
        assert_eq!(times.read(b"1700000001"), Some(1_700_000_001 * SECOND));
    }
}
