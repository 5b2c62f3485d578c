//! The header fields that tell clients of their quota.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER};

use super::decimal::Decimal;
use crate::limit::Decision;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LEGACY_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const LEGACY_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const LEGACY_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Which quota headers responses carry, admitted and refused alike.
///
/// # The IETF fields
///
/// In the shape of draft-ietf-httpapi-ratelimit-headers-10:
///
/// ```text
/// RateLimit-Policy: "default";q=20;w=2
/// RateLimit: "default";r=9;t=1
/// ```
///
/// `q` is what a client can take at once and `w` in how many seconds all of it
/// comes back, rounded up; for a window they are its limit and its width. `r`
/// is what is left; `t` is in how many seconds there is more, rounded up, and
/// is left out while the quota is whole.
///
/// # The legacy fields
///
/// `X-RateLimit-Limit`, `X-RateLimit-Remaining`, and `X-RateLimit-Reset` in
/// seconds from now, rounded up, until the quota is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Headers {
    /// `RateLimit` and `RateLimit-Policy`.
    #[default]
    Ietf,
    /// `X-RateLimit-*`.
    Legacy,
    /// Both sets.
    Both,
    /// None of them. A refusal still says `Retry-After`.
    None,
}

impl Headers {
    /// A name that cannot stand in a header is left out with its fields.
    pub(super) fn write(self, limiter: &str, decision: &Decision, headers: &mut HeaderMap) {
        if matches!(self, Self::Ietf | Self::Both) {
            write_ietf(limiter, decision, headers);
        }
        if matches!(self, Self::Legacy | Self::Both) {
            headers.insert(LEGACY_LIMIT, decision.limit().into());
            headers.insert(LEGACY_REMAINING, decision.remaining().into());
            headers.insert(LEGACY_RESET, seconds_up(decision.reset_after()).into());
        }
    }
}

fn write_ietf(limiter: &str, decision: &Decision, headers: &mut HeaderMap) {
    let Some(mut item) = Item::named(limiter) else {
        return;
    };
    let window = seconds_up(decision.window());
    if let Some(policy) = item.with((b'q', decision.limit()), (b'w', window)) {
        headers.append(POLICY, policy);
    }
    let more = seconds_up(decision.more_after());
    if let Some(state) = item.with((b'r', decision.remaining()), (b't', more)) {
        headers.append(STATE, state);
    }
}

/// The largest integer of a structured field (RFC 9651, section 3.3.1).
const LARGEST: u64 = 999_999_999_999_999;

/// An item of a structured field, `"name";a=1;b=2`, on the stack, so that its
/// value is the only allocation.
struct Item {
    bytes: [u8; 160],
    length: usize,
}

impl Item {
    /// An item without parameters, if the name can be a string.
    fn named(name: &str) -> Option<Self> {
        let mut item = Self {
            bytes: [0; 160],
            length: 0,
        };
        item.string(name.as_bytes())?;
        Some(item)
    }

    /// The item with these parameters; a second one of 0 is left out.
    fn with(&mut self, first: (u8, u64), second: (u8, u64)) -> Option<HeaderValue> {
        let name = self.length;
        let written = self.parameter(first).and_then(|()| match second {
            (_, 0) => Some(()),
            second => self.parameter(second),
        });
        let value = HeaderValue::from_bytes(&self.bytes[..self.length]);
        self.length = name;
        written.and(value.ok())
    }

    /// A string (RFC 9651, section 4.1.6), which holds printable ASCII alone.
    fn string(&mut self, text: &[u8]) -> Option<()> {
        if !text.iter().all(|it| matches!(it, b' '..=b'~')) {
            return None;
        }
        self.put(b"\"")?;
        for piece in text.split_inclusive(|it| matches!(it, b'"' | b'\\')) {
            match piece {
                [plain @ .., last @ (b'"' | b'\\')] => {
                    self.put(plain)?;
                    self.put(&[b'\\', *last])?;
                }
                plain => self.put(plain)?,
            }
        }
        self.put(b"\"")
    }

    fn parameter(&mut self, (name, value): (u8, u64)) -> Option<()> {
        self.put(&[b';', name, b'='])?;
        self.put(Decimal::of(value.min(LARGEST)).as_bytes())
    }

    fn put(&mut self, text: &[u8]) -> Option<()> {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end)?.copy_from_slice(text);
        self.length = end;
        Some(())
    }
}

/// `Retry-After`: whole seconds, rounded up, at least 1 (RFC 9110, 10.2.3).
pub(super) fn write_retry_after(retry: Duration, headers: &mut HeaderMap) {
    headers.insert(RETRY_AFTER, seconds_up(retry).max(1).into());
}

fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{Cost, Quota, Rule, TokenBucket, Word};

    fn written(headers: Headers, name: &str, taken: Cost) -> Vec<(String, String)> {
        let rule = TokenBucket::new(Quota::per_second(10).burst(20));
        let decision = rule.decide(&mut Word::default(), 0, taken);
        let mut map = HeaderMap::new();
        headers.write(name, &decision, &mut map);
        map.iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_string()))
            .collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_string(), value.to_string())
    }

    #[test]
    fn ietf_fields_have_the_shape_of_the_draft() {
        assert_eq!(
            written(Headers::Ietf, "default", 11),
            [
                pair("ratelimit-policy", r#""default";q=20;w=2"#),
                pair("ratelimit", r#""default";r=9;t=1"#)
            ],
        );
        assert_eq!(
            written(Headers::Ietf, "default", 0)[1],
            pair("ratelimit", r#""default";r=20"#)
        );
    }

    #[test]
    fn legacy_fields_count_seconds_from_now() {
        assert_eq!(
            written(Headers::Legacy, "default", 11),
            [
                pair("x-ratelimit-limit", "20"),
                pair("x-ratelimit-remaining", "9"),
                pair("x-ratelimit-reset", "2"),
            ],
        );
    }

    #[test]
    fn names_are_quoted_like_any_string() {
        let [_, (_, state)] = &written(Headers::Ietf, r#"a "b\"#, 1)[..] else {
            panic!("two fields");
        };
        assert_eq!(sfv_first(state).as_deref(), Some(r#"a "b\"#));
    }

    /// The string of the first item of a list.
    fn sfv_first(list: &str) -> Option<String> {
        let list: sfv::List = sfv::Parser::new(list).parse().ok()?;
        match list.first()? {
            sfv::ListEntry::Item(item) => Some(item.bare_item.as_string()?.as_str().to_owned()),
            sfv::ListEntry::InnerList(_) => None,
        }
    }

    #[test]
    fn a_name_that_no_header_can_bear_is_left_out() {
        assert!(written(Headers::Ietf, "\u{fc}ber", 1).is_empty());
        assert!(written(Headers::Ietf, "line\nbreak", 1).is_empty());
        assert!(written(Headers::Ietf, &"long".repeat(100), 1).is_empty());
    }

    #[test]
    fn retry_after_is_rounded_up_and_at_least_one() {
        for (micros, seconds) in [(0, "1"), (1, "1"), (1_000_000, "1"), (1_000_001, "2")] {
            let mut map = HeaderMap::new();
            write_retry_after(Duration::from_micros(micros), &mut map);
            assert_eq!(map[RETRY_AFTER], seconds);
        }
    }
}
