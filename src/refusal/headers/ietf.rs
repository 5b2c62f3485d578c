//! The IETF fields, two lists with a member for each limit. Layers further in
//! may have written members already, and each name is to be there once.

use std::cmp::Reverse;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    item::Item,
    list,
    policy::{Policy, Promise},
    seconds::seconds_up,
    state::QuotaState,
};
use crate::limit::{Decision, Other};

pub(super) static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(super) static STATE: HeaderName = HeaderName::from_static("ratelimit");

/// The quotas that a response reports.
pub(in crate::refusal) struct Quotas<'a> {
    /// The name of the limit that decided.
    pub(in crate::refusal) limiter: &'a str,
    pub(in crate::refusal) decision: &'a Decision,
    /// The other limits of an `All`.
    pub(in crate::refusal) others: &'a [Other],
}

/// Writes the IETF fields. `has_refused` is the name of a limit further in that
/// has refused, whose members stay as they are.
pub(in crate::refusal) fn write_ietf(
    quotas: &Quotas<'_>,
    has_refused: Option<&str>,
    headers: &mut HeaderMap,
) {
    // One limit in one layer is the common case and needs no list.
    if !(quotas.others.is_empty() && quotas.decided().is_written_alone(headers)) {
        write_list(quotas, has_refused, headers);
    }
}

/// Writes the fields of several limits, or beside those of another layer.
#[cold]
fn write_list(quotas: &Quotas<'_>, has_refused: Option<&str>, headers: &mut HeaderMap) {
    let mut limits = distinct(quotas);
    if headers.contains_key(&STATE) || headers.contains_key(&POLICY) {
        limits.retain(|limit| limit.replaces_its_member(has_refused, headers));
    }
    append(&POLICY, limits.iter().map(ListedLimit::policy), headers);
    append(&STATE, limits.iter().map(ListedLimit::state), headers);
}

/// A limit that has a member in both lists.
struct ListedLimit<'a> {
    name: &'a str,
    source: QuotaSource<'a>,
}

/// Where the numbers of a limit come from.
#[derive(Clone, Copy)]
enum QuotaSource<'a> {
    Decided(&'a Decision),
    /// Only the policy is known, because another limit refused first.
    NotAsked(&'a Other),
}

impl<'a> Quotas<'a> {
    fn decided(&self) -> ListedLimit<'a> {
        ListedLimit {
            name: self.limiter,
            source: QuotaSource::Decided(self.decision),
        }
    }

    fn others(&self) -> impl Iterator<Item = ListedLimit<'a>> + use<'a> {
        self.others.iter().map(|other| {
            let decided = other.decision().map(QuotaSource::Decided);
            ListedLimit {
                name: other.name(),
                source: decided.unwrap_or(QuotaSource::NotAsked(other)),
            }
        })
    }
}

/// Returns each name once: the limit that decided, or else the tightest.
fn distinct<'a>(quotas: &Quotas<'a>) -> Vec<ListedLimit<'a>> {
    let mut kept = vec![quotas.decided()];
    for limit in quotas.others() {
        match kept.iter().position(|other| other.name == limit.name) {
            None => kept.push(limit),
            Some(0) => {}
            Some(at) if limit.is_tighter_than(&kept[at]) => kept[at] = limit,
            Some(_) => {}
        }
    }
    kept
}

impl ListedLimit<'_> {
    /// Returns what is left, and the seconds until there is more; `None` if the
    /// limit was not asked.
    fn state_of(&self) -> Option<(u64, u64)> {
        match self.source {
            QuotaSource::NotAsked(_) => None,
            QuotaSource::Decided(decision) => {
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

    /// Writes the fields, unless they are there already or the policy is not
    /// kept. To look for a field takes as long as to append to it, so it appends
    /// first.
    #[inline]
    fn is_written_alone(&self, headers: &mut HeaderMap) -> bool {
        let Some(policy) = self.promise().kept() else {
            return false;
        };
        let Some(state) = self.state_under(policy) else {
            return false;
        };
        let was_there = [
            headers.append(&POLICY, policy.value.clone()),
            headers.append(&STATE, state),
        ];
        if was_there == [false; 2] {
            return true;
        }
        list::remove_last(headers, &POLICY);
        list::remove_last(headers, &STATE);
        false
    }

    /// Returns the value of the state for a policy that is kept.
    #[inline]
    fn state_under(&self, policy: &'static Policy) -> Option<HeaderValue> {
        let (remaining, more) = self.state_of()?;
        let state = QuotaState {
            policy,
            remaining,
            more,
        };
        state.value()
    }

    /// Returns whether this limit is to be written. If a member of the same
    /// name is looser, removes it.
    fn replaces_its_member(&self, has_refused: Option<&str>, headers: &mut HeaderMap) -> bool {
        let Some(written) = Item::named(self.name) else {
            return false;
        };
        let written = written.as_bytes();
        let known = list::find(headers, &STATE, written).map(|member| {
            let number = |parameter| list::number(member, written, parameter).unwrap_or(0);
            (number(b'r'), Reverse(number(b't')))
        });
        // Whether the member that is there is at least as tight.
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

    #[inline]
    fn promise(&self) -> Promise<'_> {
        let (limit, window) = match self.source {
            QuotaSource::Decided(decision) => (decision.limit(), decision.window()),
            QuotaSource::NotAsked(other) => (other.limit(), other.window()),
        };
        Promise {
            name: self.name,
            limit,
            window: seconds_up(window),
        }
    }

    fn policy(&self) -> Option<Item> {
        self.promise().item()
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

/// Returns `t`; `None` while nothing has been taken, or if a refusal is retried
/// sooner.
fn seconds_of_more(decision: &Decision) -> Option<u64> {
    let more = seconds_up(decision.more_after());
    let is_later = |retry| more > seconds_up(retry).max(1);
    let retries_sooner = decision.retry_after().is_some_and(is_later);
    (more > 0 && !retries_sooner).then_some(more)
}

/// Appends a line to a list. A name that a header cannot contain is left out.
fn append(field: &HeaderName, items: impl Iterator<Item = Option<Item>>, headers: &mut HeaderMap) {
    let mut items = items.flatten();
    // A single item is copied once, from the stack into the header.
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
