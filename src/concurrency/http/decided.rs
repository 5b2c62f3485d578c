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

/// Why a request has no permit at once.
pub(super) enum NoPermit {
    /// It waits.
    Wait(Waiting),
    /// The limiter gives none, while this is in use.
    Shed(Shed, Load),
    /// The limiter was not asked, because the request has no key.
    NoKey,
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
                    Some(refusal) => Admittance::Refuse(refusal),
                    None => Admittance::Hold(held),
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
        let rank = permit.rank();
        if let Some(shedder) = &self.shedder {
            let waited = match self.settings.limit_of_caller {
                true => Duration::ZERO,
                false => permit.waited(),
            };
            shedder.admitted(rank, waited);
        }
        self.settings.observe(|| Event {
            waited: permit.waited(),
            load: permit.load(),
            ..Event::new(limiter(), outcome, rank)
        });
    }

    /// Notes a request that the limiter refused. Returns the refusal, except in
    /// shadow mode.
    #[cold]
    pub(super) fn denied(&self, denied: ShedRequest<'_>) -> Option<Refusal> {
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
        let is_shadow = self.settings.shadow;
        (!is_shadow).then(|| self.settings.shed(limiter.into(), shed))
    }
}
