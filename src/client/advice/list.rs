//! `RateLimit-Policy` and `RateLimit`, two lists of structured fields (RFC
//! 9651) with a member for each quota.

use std::time::Duration;

use http::HeaderMap;
use sfv::{BareItem, FieldType, Item, List, ListEntry, Parser};

use super::{
    number::seconds,
    quota::{MAX_QUOTAS, QuotaAdvice},
};

pub(super) const POLICY: &str = "ratelimit-policy";
pub(super) const STATE: &str = "ratelimit";

/// Reads both lists and joins the members of one quota. As RFC 9651 demands, a
/// list that cannot be read is ignored as a whole.
pub(super) fn read(headers: &HeaderMap) -> Vec<QuotaAdvice> {
    let policies = items(headers, POLICY);
    let mut quotas: Vec<_> = policies.iter().filter_map(policy).collect();
    for item in items(headers, STATE) {
        let foreign = |policy| is_foreign(policy) && name(policy) == name(&item);
        if !policies.iter().any(foreign) {
            add_state(&item, &mut quotas);
        }
    }
    quotas.truncate(MAX_QUOTAS);
    quotas
}

/// Returns a field as structured data. Its lines are one value.
pub(super) fn field<T: FieldType>(headers: &HeaderMap, field: &str) -> Option<T> {
    let mut lines = headers.get_all(field).iter();
    let first = lines.next()?;
    let mut rest = lines.peekable();
    if rest.peek().is_none() {
        return Parser::new(first.as_bytes()).parse().ok();
    }
    let mut value = first.as_bytes().to_vec();
    for line in rest {
        value.extend_from_slice(b", ");
        value.extend_from_slice(line.as_bytes());
    }
    Parser::new(&value).parse().ok()
}

fn items(headers: &HeaderMap, name: &str) -> Vec<Item> {
    let list: List = field(headers, name).unwrap_or_default();
    let items = list.into_iter().filter_map(|entry| match entry {
        ListEntry::Item(item) => Some(item),
        ListEntry::InnerList(_) => None,
    });
    items.collect()
}

/// Returns the quota of a policy, unless it does not count calls.
fn policy(item: &Item) -> Option<QuotaAdvice> {
    if is_foreign(item) {
        return None;
    }
    Some(QuotaAdvice {
        limit: number(item, "q"),
        window: number(item, "w").filter(|it| *it > 0).map(seconds),
        ..named(item)?
    })
}

/// Adds what is left to the policy of this name and partition.
fn add_state(item: &Item, quotas: &mut Vec<QuotaAdvice>) {
    let Some((state, remaining)) = named(item).zip(number(item, "r")) else {
        return;
    };
    let same = |it: &QuotaAdvice| it.name == state.name && it.partition == state.partition;
    let only = |it: &QuotaAdvice| it.name == state.name && it.partition.is_none();
    let found = quotas.iter().position(same);
    let found = found.or_else(|| quotas.iter().position(only));
    let index = found.unwrap_or(quotas.len());
    if index == quotas.len() {
        quotas.push(QuotaAdvice::default());
    }
    let policy = &quotas[index];
    let (limit, window) = (policy.limit, policy.window);
    quotas[index] = QuotaAdvice {
        limit,
        window,
        remaining: Some(remaining),
        more_after: number(item, "t").map(seconds),
        ..state
    };
}

fn named(item: &Item) -> Option<QuotaAdvice> {
    Some(QuotaAdvice {
        name: name(item)?.to_owned(),
        partition: partition(item),
        ..QuotaAdvice::default()
    })
}

/// Returns the name. Older drafts allow a token.
fn name(item: &Item) -> Option<&str> {
    match &item.bare_item {
        BareItem::String(name) => Some(name.as_str()),
        BareItem::Token(name) => Some(name.as_str()),
        _ => None,
    }
}

fn partition(item: &Item) -> Option<Vec<u8>> {
    let value = item.params.get("pk")?;
    value.as_byte_sequence().map(<[u8]>::to_vec)
}

/// Returns whether a policy counts something else than calls.
fn is_foreign(item: &Item) -> bool {
    let unit = match item.params.get("qu") {
        Some(BareItem::String(unit)) => unit.as_str(),
        Some(BareItem::Token(unit)) => unit.as_str(),
        _ => return false,
    };
    !matches!(unit, "request" | "requests")
}

/// Returns a parameter that is a whole number and not negative.
pub(super) fn number(item: &Item, name: &str) -> Option<u64> {
    let number = item.params.get(name)?.as_integer()?;
    u64::try_from(i64::from(number)).ok()
}

/// Returns a bare item that is a whole number and not negative.
pub(super) fn whole(item: &BareItem) -> Option<u64> {
    u64::try_from(i64::from(item.as_integer()?)).ok()
}

/// Returns the window of the policy that is a number, as draft 7 and older
/// write it: `20;w=2`.
pub(super) fn unnamed_window(headers: &HeaderMap, limit: Option<u64>) -> Option<Duration> {
    let policies = items(headers, POLICY);
    let numbered = |it: &&Item| whole(&it.bare_item).is_some();
    let same = |it: &&Item| whole(&it.bare_item) == limit;
    let found = policies.iter().find(same);
    let found = found.or_else(|| policies.iter().find(numbered))?;
    number(found, "w").filter(|it| *it > 0).map(seconds)
}
