//! The result of admission. The service and the future act on it.

use std::sync::Arc;

use super::mark::Mark;
use crate::{
    limit::{decision::Decision, limiter::LimitNames, others::Others},
    refusal::{Origin, Refusal},
};

/// The action for a request. `P` is a pending decision.
///
/// It is small, because a request that passes at once should pay for nothing
/// that others need.
pub(super) enum Admit<P> {
    /// Call the inner service, and mark its response. There is no mark for a
    /// request that is exempt, or if the answer marks nothing.
    Pass(Mark),
    /// Await the decision, and ask admission again.
    Wait(P),
    /// Answer with a refusal.
    Refuse(Refusal),
}

impl<P> Admit<P> {
    /// Passes an admitted request. `marks` holds the decisions of other limits if
    /// the response is to be marked.
    #[inline(always)]
    pub(super) fn marking(
        limiter: impl FnOnce() -> Arc<str>,
        has_only_name: bool,
        decision: &Decision,
        marks: Option<Others>,
    ) -> Self {
        Self::Pass(match marks {
            Some(others) => Mark::new(limiter, has_only_name, decision, others),
            None => Mark::NONE,
        })
    }

    /// Sets the request that a refusal answers.
    pub(super) fn answering(self, origin: Origin) -> Self {
        match self {
            Self::Refuse(refusal) => Self::Refuse(refusal.answering(origin)),
            admit => admit,
        }
    }
}

/// The part of a request that admission keeps while the decision is pending.
/// The key itself may borrow from the request, so it cannot be kept.
pub(super) struct DecisionContext {
    /// The limits that may make the decision.
    pub(super) names: LimitNames,
    /// The key as text, if it is to be logged.
    pub(super) key: Option<String>,
    /// Whether the response is to be marked.
    pub(super) marks: bool,
    /// The decisions that the other limits of an `All` have made so far.
    pub(super) others: Others,
    /// Identifies the request, in case it is refused.
    pub(super) origin: Origin,
}
