//! The seam between a rule and its Lua twin.

use redis::{Cmd, Value};

use super::{
    quota::{Cost, MAX_COST},
    rule::{Rule, reserve, take_up_to},
};
use crate::{clock::Tick, limit::decision::Decision, redis::Script};

/// The longest patience that is sent: no rule's own queue is longer, and until
/// 2112 the script can write down any instant until which somebody waits.
const PATIENCE: Tick = 1 << 52;

/// What a script says of a bucket whose state it cannot read; see `lua/prelude.lua`.
const UNREADABLE: i64 = -1;

/// A rule that a Lua script can decide by, so that its buckets can be in Redis.
///
/// Sealed: the rules of this crate have twins in `lua/`.
pub trait Scripted: Rule + sealed::Sealed {
    /// The script that works through a batch of this rule's entries.
    #[doc(hidden)]
    fn script() -> &'static Script;

    /// What the script calls the rule.
    #[doc(hidden)]
    fn twin(&self) -> &'static str;

    /// The letter at the end of the names of its buckets: rules whose states
    /// differ have names that differ.
    #[doc(hidden)]
    fn kind(&self) -> char;

    /// The numbers that the script has to know of the quota.
    #[doc(hidden)]
    fn terms(&self) -> Vec<u64>;

    /// The state that the script found at `now`; `None` if the reply makes no sense.
    #[doc(hidden)]
    fn found(&self, now: Tick, reply: &mut Numbers<'_>) -> Option<Self::State>;

    /// Whether shares of a bucket can be charged ahead of need.
    #[doc(hidden)]
    fn leases(&self) -> bool {
        !self.queues()
    }

    /// Whether a state that was found for a check of `asked` tells of this cost,
    /// too.
    #[doc(hidden)]
    fn tells(&self, asked: Cost, cost: Cost) -> bool {
        let _ = (asked, cost);
        true
    }
}

/// The part of an `impl Scripted` that is the same for each rule: its name, and
/// the script that is made of the file of that name and of what it stands on.
macro_rules! twin {
    ($name:literal, on $base:literal) => {
        fn script() -> &'static $crate::redis::Script {
            static SCRIPT: std::sync::LazyLock<$crate::redis::Script> =
                std::sync::LazyLock::new(|| {
                    $crate::redis::Script::new(concat!(
                        include_str!("../../../lua/prelude.lua"),
                        include_str!(concat!("../../../lua/", $base, ".lua")),
                        include_str!(concat!("../../../lua/", $name, ".lua")),
                        include_str!("../../../lua/batch.lua"),
                    ))
                });
            &SCRIPT
        }

        fn twin(&self) -> &'static str {
            $name
        }
    };
}
pub(crate) use twin;

/// What a script is to do with one key.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Decides, as [`Rule::decide`] does.
    Check(Cost),
    /// Reserves so many times: decides, or books within a patience.
    Reserve(u64, Cost, Tick),
    /// Takes up to so much.
    UpTo(Cost),
    /// See [`Rule::credit`].
    Credit(Cost),
    /// See [`Rule::debit`].
    Debit(Cost),
    /// Forgets the bucket.
    Reset,
    /// Gives back what was booked for a later instant, by its cost, that
    /// instant, and its [mark](Rule::mark).
    GiveBack(Cost, Tick, u64),
    /// Charges up to so much ahead of need; and so much was spent of what was
    /// charged in that term.
    Lease(Cost, Cost, u64),
    /// Gives back what was not spent in that term, and tells what was.
    Return(Cost, Cost, u64),
    /// See [`Rule::undo`]: by the cost, the instant and the mark of a charge.
    Undo(Cost, Tick, u64),
}

impl Entry {
    /// The same, so many times.
    pub(crate) fn times(self, many: u64) -> Self {
        match self {
            Self::Check(cost) if many > 1 => Self::Reserve(many, cost, 0),
            Self::Reserve(_, cost, patience) => Self::Reserve(many, cost, patience),
            other => other,
        }
    }

    /// Whether many of it in a row are one entry.
    pub(crate) fn merges(&self) -> bool {
        matches!(self, Self::Check(_) | Self::Reserve(..))
    }

    /// The entry as an argument of the script.
    pub fn arg(&self) -> String {
        let sent = |cost: &Cost| *cost.min(&MAX_COST);
        match self {
            Self::Check(cost) => sent(cost).to_string(),
            Self::Reserve(many, cost, patience) => {
                format!("{many} {} {}", sent(cost), patience.min(&PATIENCE))
            }
            Self::UpTo(cost) => format!("u {}", sent(cost)),
            Self::Credit(cost) => format!("c {}", sent(cost)),
            Self::Debit(cost) => format!("d {}", sent(cost)),
            Self::Reset => "r".into(),
            Self::GiveBack(cost, at, mark) => format!("b {} {at} {mark}", sent(cost)),
            Self::Lease(want, spent, term) => format!("l {} {} {term}", sent(want), sent(spent)),
            Self::Return(unspent, spent, term) => {
                format!("y {} {} {term}", sent(unspent), sent(spent))
            }
            Self::Undo(cost, at, mark) => format!("x {} {at} {mark}", sent(cost)),
        }
    }

    /// Reads what the script answered to the entry: what it counted, and the
    /// state that it found where it decided. `None` if that makes no sense.
    pub fn read<R: Scripted>(
        &self,
        rule: &R,
        now: Tick,
        reply: &mut Numbers<'_>,
    ) -> Option<(u64, R::State)> {
        let count = reply.take()?;
        let state = match self {
            Self::Check(_) | Self::Reserve(..) | Self::UpTo(_) | Self::Lease(..) => {
                rule.found(now, reply)?
            }
            _ => R::State::default(),
        };
        Some((count, state))
    }

    /// Makes one of the decisions that the script made, from what it found;
    /// also says how much it takes. Where nothing is decided, it peeks.
    pub fn replay<R: Rule>(&self, rule: &R, state: &mut R::State, now: Tick) -> (Cost, Decision) {
        let all = |cost, decision: Decision| {
            let taken = if decision.is_admitted() { cost } else { 0 };
            (taken, decision)
        };
        match *self {
            Self::Check(cost) => all(cost, rule.decide(state, now, cost)),
            Self::Reserve(_, cost, patience) => {
                let patience = patience.min(PATIENCE);
                all(cost, reserve(rule, state, now, cost, patience))
            }
            Self::UpTo(cost) => take_up_to(rule, state, now, cost),
            _ => (0, rule.decide(state, now, 0)),
        }
    }
}

/// What every call for a rule begins with: its name, how many terms it has, and
/// those.
#[doc(hidden)]
pub fn head<R: Scripted>(rule: &R) -> Vec<String> {
    let terms = rule.terms();
    let mut head = vec![rule.twin().to_owned(), terms.len().to_string()];
    head.extend(terms.iter().map(u64::to_string));
    head
}

/// The call of a rule's script for entries, each with its key, at the server's
/// instant or, in tests and replays, at one that is given.
#[doc(hidden)]
pub fn batch<'a, R: Scripted>(
    head: &[String],
    now: Option<Tick>,
    entries: impl ExactSizeIterator<Item = (&'a [u8], Entry)> + Clone,
) -> Cmd {
    let mut call = R::script().call(entries.len());
    for (key, _) in entries.clone() {
        call.arg(key);
    }
    call.arg(now.map_or_else(String::new, |now| now.to_string()));
    call.arg(head);
    for (_, entry) in entries {
        call.arg(entry.arg());
    }
    call
}

/// The whole numbers of a script's reply, one after the other.
#[doc(hidden)]
#[derive(Debug)]
pub struct Numbers<'a>(std::slice::Iter<'a, Value>);

impl<'a> Numbers<'a> {
    pub fn of(reply: &'a [Value]) -> Self {
        Self(reply.iter())
    }

    /// Whether the next bucket could not be read, which is all that is said of
    /// it.
    pub fn unreadable(&mut self) -> bool {
        let mut rest = self.0.clone();
        let unreadable = matches!(rest.next(), Some(Value::Int(UNREADABLE)));
        if unreadable {
            self.0 = rest;
        }
        unreadable
    }

    /// The next number; `None` if there is none, or it is negative.
    pub fn take(&mut self) -> Option<u64> {
        match self.0.next() {
            Some(Value::Int(number)) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{FixedWindow, Quota, SlidingLog, SlidingWindow, TokenBucket};

    #[test]
    fn a_state_that_nothing_could_have_left_makes_no_sense() {
        fn found<R: Scripted>(rule: &R, numbers: &[i64]) -> bool {
            let reply: Vec<_> = numbers.iter().copied().map(Value::Int).collect();
            let (now, mut reply) = (1 << 50, Numbers::of(&reply));
            let Some(mut state) = rule.found(now, &mut reply) else {
                return false;
            };
            // Nor does the arithmetic overflow.
            assert!(rule.life(&state, now) > 0);
            reserve(rule, &mut state, now, 1, Tick::MAX);
            true
        }
        let (quota, most) = (Quota::per_second(1), (1 << 53) - 1);
        for (numbers, sense) in [([most], true), ([most + 1], false), ([-1], false)] {
            assert_eq!(found(&TokenBucket::new(quota), &numbers), sense);
        }
        for (index, sense) in [
            (most / 1_000_000, true),
            (most / 1_000_000 + 1, false),
            (i64::MAX, false),
        ] {
            let numbers = [index, i64::MAX, i64::MAX];
            assert_eq!(found(&FixedWindow::new(quota), &numbers), sense);
            assert_eq!(found(&SlidingWindow::new(quota), &numbers), sense);
        }
        for (used, sense) in [(most, true), (most + 1, false)] {
            let numbers = [used, 2, 1 << 50, used - 1, 1 << 50, 1];
            assert_eq!(found(&SlidingLog::new(quota), &numbers), sense);
        }
    }
}
