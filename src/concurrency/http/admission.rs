//! Asks the limiter about a request, without calling the inner service. The
//! service asks for each request, and the future again when its wait has ended.

use std::{fmt, sync::Arc, time::Duration};

use http::Request;

use super::{
    decided::{Admittance, NoPermit, PendingAdmission, ShedRequest},
    held_request::HeldRequest,
    settings::ConcurrencySettings,
    shedder::Shedder,
};
use crate::{
    concurrency::{
        ask::Ask,
        gate::{Entry, Permit},
        local::Permits,
        observe::{EntryOutcome, Event},
        priority::{Prioritize, Rank},
        shed::Shed,
    },
    criticality::{self, Criticality},
    deadline,
    exempt::Exempt,
    key::Key,
};

/// The limiter of a layer, and everything that chooses how to ask it. A layer,
/// all its services and the calls that wait share one.
#[derive(Clone)]
pub(super) struct ConcurrencyAdmission<L, K, P, X, A> {
    pub(super) permits: L,
    /// The key of a request.
    pub(super) key: K,
    /// The rank of a request: a `Priority`, or `()` for none.
    pub(super) priority: P,
    /// Which requests pass: a closure, or `()` for none.
    pub(super) exempt: X,
    /// Refuses requests.
    pub(super) answer: A,
    pub(super) settings: ConcurrencySettings,
    /// `None` if no cut-off is moved.
    pub(super) shedder: Option<Arc<Shedder>>,
}

/// The rank of a request when it comes.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) rank: Rank,
    /// The level that the work for the request runs at, if it was decided.
    pub(super) level: Option<Criticality>,
}

impl<L, K, P, X, A> ConcurrencyAdmission<L, K, P, X, A> {
    /// Returns whether a request passes without a permit, and notes it.
    #[inline]
    pub(super) fn is_exempt<Req>(&self, req: &Req) -> bool
    where
        P: Prioritize<Req>,
        X: Exempt<Req>,
    {
        let is_exempt = self.exempt.is_exempt(req);
        if is_exempt {
            let exempt = || Event::new("", EntryOutcome::Exempt, self.arrival(req).rank);
            self.settings.observe(exempt);
        }
        is_exempt
    }

    /// Returns the rank of a request. Work for a request is never more important
    /// than the request.
    #[inline]
    pub(super) fn arrival<Req>(&self, req: &Req) -> Arrival
    where
        P: Prioritize<Req>,
    {
        let most = criticality::current();
        let Some(own) = self.priority.rank(req) else {
            let rank = most.map_or_else(Rank::default, Rank::from);
            return Arrival { rank, level: None };
        };
        let rank = match most {
            Some(most) if own.criticality() > most => Rank::new(most, own.cohort()),
            _ => own,
        };
        let level = Some(rank.criticality());
        Arrival { rank, level }
    }

    /// Moves the cut-off if it is time to, and asks the limiter.
    #[inline]
    pub(super) fn ask<B>(&self, req: &Request<B>, rank: Rank) -> Result<Permit, NoPermit>
    where
        K: Key<Request<B>>,
        for<'a> L: Permits<K::Key<'a>>,
    {
        let Some(key) = self.key.key(req) else {
            return Err(NoPermit::NoKey);
        };
        if let Some(shedder) = &self.shedder {
            shedder.arrived(rank, |cut_off| self.permits.set_cut_off(cut_off));
        }
        let deadline = deadline::current();
        match self.permits.acquire(&key, Ask { rank, deadline }) {
            Entry::Admitted(permit) => Ok(permit),
            Entry::Queued(waiting) => Err(NoPermit::Wait(waiting)),
            Entry::Refused(shed) => Err(NoPermit::Shed(shed, self.permits.load(&key))),
        }
    }

    /// Notes that a request was admitted at once.
    #[inline]
    pub(super) fn admitted_at_once<B>(&self, held: &HeldRequest)
    where
        K: Key<Request<B>>,
        for<'a> L: Permits<K::Key<'a>>,
    {
        if let Some(permit) = held.permit() {
            let limiter = || Permits::<K::Key<'_>>::name(&self.permits);
            self.admitted(permit, EntryOutcome::Admitted, limiter);
        }
    }

    /// Decides about a request that has no permit.
    pub(super) fn without_permit<B>(
        &self,
        req: &mut Request<B>,
        arrival: Arrival,
        reason: NoPermit,
    ) -> Admittance
    where
        K: Key<Request<B>>,
        for<'a> L: Permits<K::Key<'a>>,
    {
        let limiter = Permits::<K::Key<'_>>::name(&self.permits);
        let hold = |req: &mut Request<B>, waits| {
            let mut held = HeldRequest::new(None, req, arrival.level, &self.settings);
            held.read(req, waits, self.settings.count_upgrades);
            held
        };
        let (shed, load) = match reason {
            // In shadow mode a request never waits.
            NoPermit::Wait(waiting) if self.settings.shadow => (Shed::Full, waiting.load()),
            NoPermit::Wait(waiting) => {
                let (held, limiter) = (hold(req, true), limiter.into());
                return Admittance::Wait(waiting, PendingAdmission { held, limiter });
            }
            NoPermit::Shed(shed, load) => (shed, load),
            NoPermit::NoKey => {
                let absence = self.key.absence(req);
                let refusal = self.settings.without_key(limiter, arrival.rank, absence);
                return refusal.map_or(Admittance::Pass, Admittance::Refuse);
            }
        };
        let denied = ShedRequest {
            shed,
            rank: arrival.rank,
            waited: Duration::ZERO,
            limiter,
            load,
        };
        let refusal = self.denied(denied);
        refusal.map_or_else(|| Admittance::Hold(hold(req, false)), Admittance::Refuse)
    }
}

impl<L: fmt::Debug, K: fmt::Debug, P: fmt::Debug, X, A: fmt::Debug> fmt::Debug
    for ConcurrencyAdmission<L, K, P, X, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyAdmission")
            .field("permits", &self.permits)
            .field("key", &self.key)
            .field("priority", &self.priority)
            .field("shedder", &self.shedder)
            .field("answer", &self.answer)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
