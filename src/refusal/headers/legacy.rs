//! The older fields `X-RateLimit-*`, which have room for one limit and which
//! nested layers share.

use std::cmp::Reverse;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    ietf::{POLICY, STATE},
    list,
    number::whole_number,
    seconds::seconds_up,
};
use crate::limit::Decision;

static LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
static REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
static RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The three numbers of one limit. They are ordered by how tight it is: the
/// tighter of two is less.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::refusal) struct LegacyFields {
    pub(in crate::refusal) remaining: u64,
    /// Seconds. Of two limits with the same remaining, the later is tighter.
    reset: Reverse<u64>,
    limit: u64,
}

impl LegacyFields {
    pub(in crate::refusal) fn of(decision: &Decision) -> Self {
        Self {
            remaining: decision.remaining(),
            reset: Reverse(seconds_up(decision.reset_after())),
            limit: decision.limit(),
        }
    }

    /// Returns the tightest limit that the IETF fields list. It may belong to a
    /// layer that does not write the legacy fields.
    pub(in crate::refusal) fn listed(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(&STATE).iter().map(HeaderValue::as_bytes);
        let members = lines.flat_map(list::members);
        members
            .filter_map(|state| Self::estimate(state, headers))
            .min()
    }

    /// Reads the legacy fields that a layer further in has written.
    fn written(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &HeaderName| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
        Some(Self {
            remaining: number(&REMAINING)?,
            reset: Reverse(number(&RESET).unwrap_or(0)),
            limit: number(&LIMIT).unwrap_or(0),
        })
    }

    /// Estimates the fields from a member of the IETF lists. They say when
    /// there is more, not when all is back, so this assumes that the rest comes
    /// back at the rate of a bucket, within the window at most.
    fn estimate(state: &[u8], headers: &HeaderMap) -> Option<Self> {
        let name = list::name(state)?;
        let policy = list::find(headers, &POLICY, name)?;
        let (limit, remaining) = (
            list::number(policy, name, b'q')?,
            list::number(state, name, b'r')?,
        );
        let window = list::number(policy, name, b'w').unwrap_or(0);
        let more = list::number(state, name, b't');
        // `t` is the time of the next unit; the others follow at the rate of
        // the policy. Foreign numbers, so every step saturates.
        let missing = limit.saturating_sub(remaining);
        let later = missing.saturating_sub(more.is_some().into());
        let later = later.saturating_mul(window).div_ceil(limit.max(1));
        let more = more.unwrap_or(0);
        let reset = more.saturating_add(later).min(window.max(more));
        Some(Self {
            remaining,
            reset: Reverse(reset),
            limit,
        })
    }

    pub(in crate::refusal) fn write(self, headers: &mut HeaderMap) {
        headers.insert(&LIMIT, whole_number(self.limit));
        headers.insert(&REMAINING, whole_number(self.remaining));
        headers.insert(&RESET, whole_number(self.reset.0));
    }

    /// Writes the tightest of these fields, the listed ones, and those that a
    /// layer further in has written. Written fields are exact, so they win over
    /// a listed limit that is the same one.
    pub(in crate::refusal) fn write_tightest(self, listed: Option<Self>, headers: &mut HeaderMap) {
        let written = Self::written(headers);
        let is_exact = |listed: &Self| written.is_some_and(|it| it.remaining <= listed.remaining);
        let listed = listed.filter(|listed| !is_exact(listed));
        let own = listed.map_or(self, |listed| listed.min(self));
        let is_looser = |it: Self| (it.remaining, it.reset) <= (own.remaining, own.reset);
        if !written.is_some_and(is_looser) {
            own.write(headers);
        }
    }
}
