//! The header fields that tell clients of their quota.

use std::{cmp::Reverse, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER};

use crate::limit::{Decision, Other};

mod item;
mod legacy;
mod list;

use self::item::Item;
pub(super) use self::legacy::Legacy;

static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static STATE: HeaderName = HeaderName::from_static("ratelimit");

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
/// is left out while the quota is whole. It is also left out of a refusal whose
/// `Retry-After` is sooner, as of a queue that is full or that the caller would not
/// wait for: there the request passes before there is more to have at once.
///
/// Both are lists. They have a member for each limit of an
/// [`All`](crate::limit::All), the one that speaks first, and one for each limit of
/// layers around each other. Of two limits of one name there is one: the one that
/// refused, or else the tighter one, which has less left, or as much and `t` later.
///
/// # The legacy fields
///
/// `X-RateLimit-Limit`, `X-RateLimit-Remaining`, and `X-RateLimit-Reset` in
/// seconds from now, rounded up, until the quota is whole. There is room for one
/// limit: the one that refused, or else the one with the least left, or of two with
/// as much the one that is whole later.
///
/// A layer further in that writes the IETF fields alone does not say when its quota
/// is whole, so if it is the tightest, `X-RateLimit-Reset` is reckoned from them: as
/// of a bucket, to the second, and for a window at most its width.
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

/// What a response is told: the limit that speaks, and those beside it.
pub(super) struct Told<'a> {
    pub(super) limiter: &'a str,
    pub(super) decision: &'a Decision,
    pub(super) others: &'a [Other],
}

impl Headers {
    pub(super) fn has_ietf(self) -> bool {
        matches!(self, Self::Ietf | Self::Both)
    }

    pub(super) fn has_legacy(self) -> bool {
        matches!(self, Self::Legacy | Self::Both)
    }
}

/// The IETF fields. `has_refused` is the name of the limit that has refused, whose
/// members stay as they are.
pub(super) fn write_ietf(told: &Told<'_>, has_refused: Option<&str>, headers: &mut HeaderMap) {
    let is_marked = headers.contains_key(&STATE) || headers.contains_key(&POLICY);
    if told.others.is_empty() && !is_marked {
        return append_all(std::slice::from_ref(&told.speaker()), headers);
    }
    let mut limits = without_twins(told);
    if is_marked {
        limits.retain(|limit| limit.takes_its_place(has_refused, headers));
    }
    append_all(&limits, headers);
}

fn append_all(limits: &[Limit<'_>], headers: &mut HeaderMap) {
    append(&POLICY, limits.iter().map(Limit::policy), headers);
    append(&STATE, limits.iter().map(Limit::state), headers);
}

/// One member of the lists.
struct Limit<'a> {
    name: &'a str,
    /// For the policy: of a bucket never seen if it was not asked.
    decision: LimitOf<'a>,
}

#[derive(Clone, Copy)]
enum LimitOf<'a> {
    Decided(&'a Decision),
    Unasked(&'a Other),
}

impl<'a> Told<'a> {
    fn speaker(&self) -> Limit<'a> {
        Limit {
            name: self.limiter,
            decision: LimitOf::Decided(self.decision),
        }
    }

    fn others(&self) -> impl Iterator<Item = Limit<'a>> + use<'a> {
        self.others.iter().map(|other| {
            let decided = other.decision().map(LimitOf::Decided);
            Limit {
                name: other.name(),
                decision: decided.unwrap_or(LimitOf::Unasked(other)),
            }
        })
    }
}

/// The first of each name, which is the speaker's, or else the tightest.
fn without_twins<'a>(told: &Told<'a>) -> Vec<Limit<'a>> {
    let mut kept = vec![told.speaker()];
    for limit in told.others() {
        match kept.iter().position(|other| other.name == limit.name) {
            None => kept.push(limit),
            Some(0) => {}
            Some(at) if limit.is_tighter_than(&kept[at]) => kept[at] = limit,
            Some(_) => {}
        }
    }
    kept
}

impl Limit<'_> {
    /// What is left, and in how many seconds there is more; `None` if it was not
    /// asked.
    fn state_of(&self) -> Option<(u64, u64)> {
        match self.decision {
            LimitOf::Unasked(_) => None,
            LimitOf::Decided(decision) => {
                Some((decision.remaining(), seconds_of_more(decision).unwrap_or(0)))
            }
        }
    }

    fn is_tighter_than(&self, other: &Self) -> bool {
        match (self.state_of(), other.state_of()) {
            (Some((own, more)), Some((others, later))) => {
                (own, Reverse(more)) < (others, Reverse(later))
            }
            (own, others) => own.is_some() && others.is_none(),
        }
    }

    /// Whether it is to be written, in place of a member of its name that is there.
    fn takes_its_place(&self, has_refused: Option<&str>, headers: &mut HeaderMap) -> bool {
        let Some(written) = Item::named(self.name) else {
            return false;
        };
        let written = written.as_bytes();
        let known = list::find(headers, &STATE, written).map(|member| {
            let number = |parameter| list::number(member, written, parameter).unwrap_or(0);
            (number(b'r'), Reverse(number(b't')))
        });
        let stays = match (known, self.state_of()) {
            (Some(_), _) if has_refused == Some(self.name) => true,
            (Some(known), Some((own, more))) => known <= (own, Reverse(more)),
            (Some(_), None) => true,
            (None, None) => list::find(headers, &POLICY, written).is_some(),
            (None, Some(_)) => false,
        };
        if !stays {
            list::remove(headers, &STATE, written);
            list::remove(headers, &POLICY, written);
        }
        !stays
    }

    fn policy(&self) -> Option<Item> {
        let (limit, window) = match self.decision {
            LimitOf::Decided(decision) => (decision.limit(), decision.window()),
            LimitOf::Unasked(other) => (other.limit(), other.window()),
        };
        let mut item = Item::named(self.name)?;
        item.parameter((b'q', limit))?;
        match seconds_up(window) {
            0 => {}
            window => item.parameter((b'w', window))?,
        }
        Some(item)
    }

    fn state(&self) -> Option<Item> {
        let (remaining, more) = self.state_of()?;
        let mut item = Item::named(self.name)?;
        item.parameter((b'r', remaining))?;
        match more {
            0 => {}
            more => item.parameter((b't', more))?,
        }
        Some(item)
    }
}

/// `t`, unless the quota is whole, or the limit refuses for a shorter time.
fn seconds_of_more(decision: &Decision) -> Option<u64> {
    let more = seconds_up(decision.more_after());
    let is_later = |retry| more > seconds_up(retry).max(1);
    let retries_sooner = decision.retry_after().is_some_and(is_later);
    (more > 0 && !retries_sooner).then_some(more)
}

/// One line of a list. A name that cannot stand in a header is left out.
fn append(field: &HeaderName, items: impl Iterator<Item = Option<Item>>, headers: &mut HeaderMap) {
    let mut items = items.flatten();
    let Some(first) = items.next() else {
        return;
    };
    let line = match items.next() {
        None => HeaderValue::from_bytes(first.as_bytes()),
        Some(second) => HeaderValue::from_bytes(&join(first, second, items)),
    };
    if let Ok(line) = line {
        headers.append(field, line);
    }
}

fn join(first: Item, second: Item, others: impl Iterator<Item = Item>) -> Vec<u8> {
    let mut line = first.as_bytes().to_vec();
    for item in [second].into_iter().chain(others) {
        line.extend_from_slice(b", ");
        line.extend_from_slice(item.as_bytes());
    }
    line
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
        let told = Told {
            limiter: name,
            decision: &decision,
            others: &[],
        };
        if headers.has_ietf() {
            write_ietf(&told, None, &mut map);
        }
        if headers.has_legacy() {
            Legacy::of(&decision).write(&mut map);
        }
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
