//! The IETF fields, in which every limit has a member.

use std::cmp::Reverse;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{item::Item, list, seconds::seconds_up};
use crate::limit::{Decision, Other};

pub(super) static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(super) static STATE: HeaderName = HeaderName::from_static("ratelimit");

/// What a response is told: the limit that speaks, and those beside it.
pub(in crate::refusal) struct Told<'a> {
    pub(in crate::refusal) limiter: &'a str,
    pub(in crate::refusal) decision: &'a Decision,
    pub(in crate::refusal) others: &'a [Other],
}

/// The IETF fields. `has_refused` is the name of the limit that has refused, whose
/// members stay as they are.
pub(in crate::refusal) fn write_ietf(
    told: &Told<'_>,
    has_refused: Option<&str>,
    headers: &mut HeaderMap,
) {
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
