//! Idempotency keys: with one, a call may be repeated that its method does not
//! allow to repeat.

use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::random;

/// The header of draft-ietf-httpapi-idempotency-key-header.
pub(super) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// Returns whether a request has a key. An empty one, or several, are none.
pub(super) fn is_present(headers: &HeaderMap, name: &HeaderName) -> bool {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next().map(|line| line.as_bytes().trim_ascii());
    let is_key = line.is_some_and(|line| !line.is_empty() && line != b"\"\"");
    is_key && lines.next().is_none()
}

/// Adds a random key, as a string in quotes.
pub(super) fn attach(headers: &mut HeaderMap, name: &HeaderName) {
    let mut text = String::with_capacity(34);
    text.push('"');
    for byte in random::bytes() {
        // Writing to a `String` does not fail.
        _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    let value = HeaderValue::try_from(text).expect("quotes and digits are a header's value");
    headers.insert(name, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_line_that_is_not_empty() {
        let is_key = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(HEADER, HeaderValue::from_static(line));
            }
            is_present(&headers, &HEADER)
        };
        assert!(is_key(&["a"]) && is_key(&["\"a\""]));
        for lines in [&[][..], &[""], &["  "], &["\"\""], &["a", "a"]] {
            assert!(!is_key(lines), "{lines:?}");
        }
    }

    #[test]
    fn an_attached_key_is_a_quoted_random_number() {
        let (mut one, mut other) = (HeaderMap::new(), HeaderMap::new());
        attach(&mut one, &HEADER);
        attach(&mut other, &HEADER);
        let text = one[HEADER].to_str().unwrap();
        assert!(text.len() == 34 && text.starts_with('"') && text.ends_with('"'));
        assert_ne!(one[HEADER], other[HEADER]);
        assert!(is_present(&one, &HEADER));
    }
}
