//! A share as a flag has it: `0.1%`.

use std::{fmt, str::FromStr};

/// Parts of a whole.
const BILLION: u64 = 1_000_000_000;

/// A share, exact to a billionth.
///
/// ```
/// use lab::recommend::Share;
///
/// let share: Share = "0.1%".parse()?;
/// assert_eq!(share.of(98_213), 98);
/// assert_eq!("0.001".parse(), Ok(share));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    billionths: u64,
}

impl Share {
    /// Returns this share of a number, rounded down.
    pub fn of(self, whole: u64) -> u64 {
        let part = u128::from(whole) * u128::from(self.billionths) / u128::from(BILLION);
        u64::try_from(part).expect("a share is at most the whole")
    }
}

impl FromStr for Share {
    type Err = String;

    /// Reads a percentage, or a fraction of 1.
    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "must be 0% to 100%, such as 0.1%".to_owned();
        let text = text.trim();
        let (number, digits) = match text.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 7),
            None => (text, 9),
        };
        let billionths = scaled(number, digits).ok_or_else(invalid)?;
        (billionths <= BILLION)
            .then_some(Self { billionths })
            .ok_or_else(invalid)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.billionths / 10_000_000, self.billionths % 10_000_000);
        let text = format!("{whole}.{fraction:07}");
        write!(f, "{} %", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Reads a decimal number times ten to the `digits`; `None` if a digit would be
/// lost.
fn scaled(text: &str, digits: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > digits || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<digits$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact() {
        let share = |text: &str| text.parse::<Share>().unwrap();
        assert_eq!(share("0.1%").of(1_000), 1);
        assert_eq!(share("0.1%").of(999), 0);
        assert_eq!(share("100 %").of(u64::MAX), u64::MAX);
        assert_eq!(share("0").of(7), 0);
        assert_eq!(share("12.5%").to_string(), "12.5 %");
        assert_eq!(share("1").to_string(), "100 %");
    }

    #[test]
    fn other_text_is_an_error() {
        for text in ["", "%", "-1%", "101%", "1.1", "1e-3", ".5", "0.00000001%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
