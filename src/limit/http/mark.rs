//! The marks of responses: the decision about the request, as small as it can be
//! kept until the response is there.

use std::{num::NonZero, sync::Arc};

use crate::{
    clock::Tick,
    limit::{decision::Decision, others::Others, rules::quota::Cost, window_info::WindowInfo},
    refusal::Refuse,
};

/// The decision that a response is to be marked with: one of the two, or none.
///
/// Two fields, because numbers alone need no destructor, so that they stay in
/// registers while the inner service is called.
pub(super) struct Mark {
    /// The only limit of the limiter admitted the request at once.
    numbers: Option<Numbers>,
    /// Any other admission.
    full: Option<Box<FullMark>>,
}

/// A mark in the future, which has room for one. It is smaller than a decision.
pub(super) enum KeptMark {
    Numbers(Numbers),
    Full(Box<FullMark>),
}

/// The decision as it is, with those of the other limits of an `All`.
pub(super) struct FullMark {
    limiter: Arc<str>,
    decision: Decision,
    others: Others,
}

/// The numbers of an admission at once. Times are in ticks.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    /// Not 0, which leaves a bit pattern to tell the kinds of a mark apart.
    limit: NonZero<Cost>,
    remaining: Cost,
    reset: Tick,
    more: Tick,
    window: Tick,
}

impl Mark {
    /// The response stays as it is.
    pub(super) const NONE: Self = Self {
        numbers: None,
        full: None,
    };

    #[inline(always)]
    pub(super) fn new(
        limiter: impl FnOnce() -> Arc<str>,
        has_only_name: bool,
        decision: &Decision,
        others: Others,
    ) -> Self {
        let is_plain = has_only_name && decision.is_of_one_limit_at_once() && others.is_empty();
        let numbers = is_plain.then(|| Numbers::of(decision)).flatten();
        Self {
            numbers,
            full: match numbers {
                Some(_) => None,
                None => Some(FullMark::new(limiter(), *decision, others)),
            },
        }
    }

    /// Returns the mark to keep until there is a response; `None` if that stays
    /// as it is.
    #[inline(always)]
    pub(super) fn kept(self) -> Option<KeptMark> {
        match self.numbers {
            Some(numbers) => Some(KeptMark::Numbers(numbers)),
            None => self.full.map(KeptMark::Full),
        }
    }
}

impl FullMark {
    #[cold]
    fn new(limiter: Arc<str>, decision: Decision, others: Others) -> Box<Self> {
        Box::new(Self {
            limiter,
            decision,
            others,
        })
    }
}

impl KeptMark {
    /// Writes the decision into the response, such as its quota headers.
    pub(super) fn write<A, Req, Res, Err>(&self, answer: &A, only_name: Option<&str>, res: &mut Res)
    where
        A: Refuse<Req, Res, Err>,
    {
        match self {
            Self::Numbers(numbers) => {
                let limiter = only_name.unwrap_or_default();
                answer.mark(limiter, &numbers.decision(), &[], res);
            }
            Self::Full(full) => {
                answer.mark(&full.limiter, &full.decision, &full.others.list(), res);
            }
        }
    }
}

impl Numbers {
    #[inline(always)]
    fn of(decision: &Decision) -> Option<Self> {
        Some(Self {
            limit: NonZero::new(decision.limit())?,
            remaining: decision.remaining(),
            reset: decision.reset_ticks(),
            more: decision.more_ticks(),
            window: decision.window_ticks(),
        })
    }

    /// Returns a decision with these numbers.
    fn decision(&self) -> Decision {
        let info = WindowInfo::known(self.more, self.window);
        Decision::of_numbers(self.limit.get(), self.remaining, self.reset, info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{
        FixedWindow, LeakyBucket, Quota, Rule, SlidingLog, SlidingWindow, TokenBucket,
    };

    /// Compares what a client reads: `Decision` has no other equality.
    fn keeps_all_numbers<R: Rule>(rule: R) {
        let mut state = R::State::default();
        for step in 0..40 {
            let decision = rule.decide(&mut state, 86_400_000_000 + step * 70_001, 1);
            if !decision.is_of_one_limit_at_once() {
                continue;
            }
            let kept = Numbers::of(&decision).unwrap().decision();
            assert_eq!(kept, decision, "{rule:?}");
            assert_eq!(kept.window(), decision.window(), "{rule:?}");
        }
    }

    #[test]
    fn a_mark_keeps_all_numbers_of_a_decision() {
        let quota = Quota::per_second(7).burst(20);
        keeps_all_numbers(TokenBucket::new(quota));
        keeps_all_numbers(LeakyBucket::new(quota));
        keeps_all_numbers(SlidingWindow::new(quota));
        keeps_all_numbers(FixedWindow::new(quota));
        keeps_all_numbers(SlidingLog::new(quota));
    }

    #[test]
    fn a_kept_mark_takes_five_words() {
        assert_eq!(size_of::<KeptMark>(), 40);
    }
}
