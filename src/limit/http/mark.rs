//! The marks of responses: the decision about the request, as small as it can be
//! kept until the response is there.

use std::{num::NonZero, sync::Arc};

use crate::{
    clock::Tick,
    limit::{decision::Decision, others::Others, rules::quota::Cost, window_info::WindowInfo},
    refusal::Refuse,
};

/// The limit that admitted a request, and its decision. Each future of the layer
/// has room for one, so it is smaller than a decision.
pub(super) enum Mark {
    /// One limit admitted the request at once.
    One {
        /// `None` for the only name of the limiter.
        limiter: Option<Arc<str>>,
        numbers: Numbers,
    },
    /// The request has waited, or several limits were asked. Either has taken
    /// memory on the heap already. Or the limit is 0, and the cost, too.
    Full(Box<FullMark>),
}

/// The decision as it is, with those of the other limits of an `All`.
pub(super) struct FullMark {
    limiter: Arc<str>,
    decision: Decision,
    others: Others,
}

/// The numbers of an admission at once. Times are in ticks.
pub(super) struct Numbers {
    /// Not 0, which leaves a bit pattern to tell the variants of a mark apart.
    limit: NonZero<Cost>,
    remaining: Cost,
    reset: Tick,
    more: Tick,
    window: Tick,
}

impl Mark {
    #[inline(always)]
    pub(super) fn new(
        limiter: impl FnOnce() -> Arc<str>,
        has_only_name: bool,
        decision: &Decision,
        others: Others,
    ) -> Self {
        let is_plain = decision.is_of_one_limit_at_once() && others.is_empty();
        if let (true, Some(numbers)) = (is_plain, Numbers::of(decision)) {
            let limiter = (!has_only_name).then(limiter);
            return Self::One { limiter, numbers };
        }
        Self::full(limiter(), *decision, others)
    }

    #[cold]
    fn full(limiter: Arc<str>, decision: Decision, others: Others) -> Self {
        Self::Full(Box::new(FullMark {
            limiter,
            decision,
            others,
        }))
    }

    /// Writes the decision into the response, such as its quota headers.
    pub(super) fn write<A, Req, Res, Err>(&self, answer: &A, only_name: Option<&str>, res: &mut Res)
    where
        A: Refuse<Req, Res, Err>,
    {
        match self {
            Self::One { limiter, numbers } => {
                let limiter = limiter.as_deref().or(only_name).unwrap_or_default();
                answer.mark(limiter, &numbers.decision(), &[], res);
            }
            Self::Full(full) => {
                answer.mark(&full.limiter, &full.decision, &full.others.list(), res);
            }
        }
    }
}

impl Numbers {
    #[inline]
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
    fn a_mark_takes_seven_words() {
        assert_eq!(size_of::<Mark>(), 56);
    }
}
