//! Reads the header `Accept` (RFC 9110, section 12.5.1). It decides the format
//! of a scrape.

use http::{HeaderMap, HeaderValue, header::ACCEPT};

/// A media type that is offered, with the parameters that distinguish it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MediaType {
    /// The type and the subtype.
    pub(crate) media: (&'static str, &'static str),
    /// Names and values.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
}

/// How much a media type is wanted, by the most specific range that names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preference {
    /// How precisely the range names it: 0 if no range does, 1 for `*/*`, 2 for
    /// `text/*`, 3 for the type, and one more for each parameter.
    pub(crate) precision: usize,
    /// The weight in thousandths; 0 means not acceptable.
    pub(crate) weight: u16,
}

/// The precision of a range that names the type.
pub(crate) const NAMED: usize = 3;

impl MediaType {
    /// Returns how much a request with these headers wants this media type.
    pub(crate) fn preference(&self, headers: &HeaderMap) -> Preference {
        let lines = headers.get_all(ACCEPT).into_iter();
        let lines = lines.filter_map(|line| HeaderValue::to_str(line).ok());
        let ranges = lines.flat_map(|line| split(line, ','));
        let preferences = ranges.filter_map(|range| self.preference_in(range));
        preferences
            .max_by_key(|preference| (preference.precision, preference.weight))
            .unwrap_or_default()
    }

    /// Returns what one range says; `None` if it does not name this media type,
    /// or cannot be read.
    fn preference_in(&self, range: &str) -> Option<Preference> {
        let mut parts = split(range, ';').map(str::trim);
        let (main, sub) = parts.next()?.split_once('/')?;
        let mut precision = self.precision(main.trim_end(), sub.trim_start())?;
        let mut weight = 1_000;
        for part in parts {
            // A part without a value is an extension that has no meaning here.
            let Some((name, value)) = part.split_once('=') else {
                continue;
            };
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name.eq_ignore_ascii_case("q") {
                weight = thousandths(value)?;
            } else if let Some(ours) = self.parameter(name) {
                precision += usize::from(ours.eq_ignore_ascii_case(value).then_some(true)?);
            }
        }
        Some(Preference { precision, weight })
    }

    /// Returns how precisely a range names this media type; `None` if it does
    /// not.
    fn precision(&self, main: &str, sub: &str) -> Option<usize> {
        let is_main = main.eq_ignore_ascii_case(self.media.0);
        match (main, sub) {
            ("*", "*") => Some(1),
            (_, "*") if is_main => Some(2),
            (_, sub) if is_main && sub.eq_ignore_ascii_case(self.media.1) => Some(NAMED),
            _ => None,
        }
    }

    /// Returns the value of a parameter of this media type.
    fn parameter(&self, name: &str) -> Option<&'static str> {
        let mut known = self.parameters.iter();
        let known = known.find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, value)| *value)
    }
}

/// Splits at a separator, except within quotation marks.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    })
}

/// Reads a weight (RFC 9110, section 12.4.2): at most three decimals, up to 1.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let is_number = decimals.len() <= 3 && decimals.bytes().all(|it| it.is_ascii_digit());
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" if is_number => Some(thousandths),
        "1" if is_number && thousandths == 0 => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: MediaType = MediaType {
        media: ("text", "plain"),
        parameters: &[("version", "0.0.4"), ("charset", "utf-8")],
    };

    fn preference(accept: &str) -> (usize, u16) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        let Preference { precision, weight } = TEXT.preference(&headers);
        (precision, weight)
    }

    #[test]
    fn the_most_specific_range_decides() {
        for (accept, expected) in [
            ("*/*", (1, 1_000)),
            ("text/*;q=0.3, */*", (2, 300)),
            ("*/*, text/plain;q=0", (3, 0)),
            ("TEXT/PLAIN ; Q=0.25, text/*", (3, 250)),
            ("text/plain;q=0.9, text/plain;version=0.0.4;q=0.1", (4, 100)),
            ("text/plain;version=\"0.0.4\";charset=UTF-8;q=0.5", (5, 500)),
            // Another version, and unknown parameters.
            ("text/plain;version=1.0.0", (0, 0)),
            ("text/plain;escaping=allow-utf-8;q=0.4", (3, 400)),
            ("text/html, image/*", (0, 0)),
            ("text/plain;note=\"a, */*;q=1\";q=0.2", (3, 200)),
        ] {
            assert_eq!(preference(accept), expected, "{accept}");
        }
    }

    #[test]
    fn a_range_with_an_invalid_weight_is_ignored() {
        for weight in ["often", "-1", "1.1", "0.1234", "NaN", "1e0", "2", "", ".5"] {
            assert_eq!(
                preference(&format!("text/plain;q={weight}")),
                (0, 0),
                "{weight}"
            );
        }
        for (weight, thousandths) in [("0", 0), ("0.", 0), ("1.000", 1_000), ("0.05", 50)] {
            assert_eq!(
                preference(&format!("text/plain;q={weight}")),
                (3, thousandths)
            );
        }
    }
}
