//! Acts on what the limiter has decided: notes it, and chooses between passing
//! and refusing.

use std::{sync::Arc, time::Duration};

use super::{admission::ConcurrencyAdmission, held_request::HeldRequest};
use crate::{
    concurrency::{
        gate::{Load, Permit, Waiting},
        observe::{EntryOutcome, Event},
        priority::Rank,
        shed::Shed,
    },
    refusal::Refusal,
};

/// The action for a request.
pub(super) enum Admittance {
    /// Call the inner service, and leave its response alone.
    Pass,
    /// Call the inner service, and hold the permit until its response ends.
    Hold(HeldRequest),
    /// Wait for the permit.
    Wait(Waiting, PendingAdmission),
    /// Answer with a refusal.
    Refuse(Refusal),
}

/// A request that waits for its permit.
pub(super) struct PendingAdmission {
    pub(super) held: HeldRequest,
    /// The name of the limiter.
    pub(super) limiter: Arc<str>,
}

/// A refusal of the limiter, and what an observer is told about it.
pub(super) struct ShedRequest<'a> {
    pub(super) shed: Shed,
    pub(super) rank: Rank,
    pub(super) waited: Duration,
    pub(super) limiter: &'a str,
    pub(super) load: Load,
}

/// The answer of the limiter, and what the layer makes of it.
pub(super) enum LimiterAnswer {
    Permit(Permit),
    Wait(Waiting, Arc<str>),
    Refusal(Refusal),
    /// Shadow mode: the request passes without a permit.
    Nothing,
}

impl LimiterAnswer {
    /// Returns whether the limiter may learn from the end of the request.
    #[inline]
    pub(super) fn learns(&self) -> bool {
        match self {
            Self::Permit(permit) => permit.learns(),
            Self::Wait(..) => true,
            Self::Refusal(_) | Self::Nothing => false,
        }
    }
}

impl<L, K, P, X, A> ConcurrencyAdmission<L, K, P, X, A> {
    /// Decides about a request whose wait has ended. Never returns [`Admittance::Wait`].
    pub(super) fn after_wait(
        &self,
        outcome: Result<Permit, Shed>,
        waiting: &Waiting,
        pending: PendingAdmission,
    ) -> Admittance {
        let PendingAdmission { held, limiter } = pending;
        match outcome {
            Ok(permit) => {
                self.admitted(&permit, EntryOutcome::Waited, || &limiter);
                Admittance::Hold(held.with(permit))
            }
            Err(shed) => {
                let denied = ShedRequest {
                    shed,
                    rank: waiting.rank(),
                    waited: waiting.waited(),
                    limiter: &limiter,
                    load: waiting.load(),
                };
                match self.denied(denied) {
                    LimiterAnswer::Refusal(refusal) => Admittance::Refuse(refusal),
                    _ => Admittance::Hold(held),
                }
            }
        }
    }

    /// Notes a request that has its permit.
    #[inline]
    pub(super) fn admitted<'a>(
        &self,
        permit: &Permit,
        outcome: EntryOutcome,
        limiter: impl FnOnce() -> &'a str,
    ) {
        let (rank, waited) = (permit.rank(), permit.waited());
        if let Some(shedder) = &self.shedder {
            let is_load = !self.settings.limit_of_caller;
            shedder.admitted(rank, if is_load { waited } else { Duration::ZERO });
        }
        self.settings.observe(|| Event {
            waited,
            load: permit.load(),
            ..Event::new(limiter(), outcome, rank)
        });
    }

    /// Notes a request that the limiter refused, and refuses it except in shadow
    /// mode.
    #[cold]
    pub(super) fn denied(&self, denied: ShedRequest<'_>) -> LimiterAnswer {
        let ShedRequest {
            shed,
            rank,
            waited,
            limiter,
            load,
        } = denied;
        if let Some(shedder) = &self.shedder
            && !self.settings.is_by_own_limit(shed)
        {
            shedder.refused(rank, shed, waited);
        }
        let outcome = match self.settings.shadow {
            true => EntryOutcome::Shadowed(shed),
            false => EntryOutcome::Shed(shed),
        };
        self.settings.observe(|| Event {
            waited,
            load,
            ..Event::new(limiter, outcome, rank)
        });
        match self.settings.shadow {
            true => LimiterAnswer::Nothing,
            false => LimiterAnswer::Refusal(self.settings.shed(limiter.into(), shed)),
        }
    }
}
