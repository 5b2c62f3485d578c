//! Asks the limiter about a request, without calling the inner service. The
//! service asks for each request, and the future again when its wait has ended.

use std::{fmt, sync::Arc, time::Duration};

use http::Request;

use super::{
    decided::{Admittance, LimiterAnswer, PendingAdmission, ShedRequest},
    held_request::HeldRequest,
    settings::ConcurrencySettings,
    shedder::Shedder,
};
use crate::{
    concurrency::{
        ask::Ask,
        gate::Entry,
        local::Permits,
        observe::{EntryOutcome, Event},
        priority::{Prioritize, Rank},
        shed::Shed,
    },
    criticality, deadline,
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

impl<L, K, P, X, A> ConcurrencyAdmission<L, K, P, X, A> {
    /// Decides about a request. It leaves the level, and the guard of an upgrade,
    /// among the extensions of the request.
    #[inline]
    pub(super) fn decide<B>(&self, req: &mut Request<B>) -> Admittance
    where
        K: Key<Request<B>>,
        P: Prioritize<Request<B>>,
        X: Exempt<Request<B>>,
        for<'a> L: Permits<K::Key<'a>>,
    {
        if self.exempt.is_exempt(req) {
            let exempt = || Event::new("", EntryOutcome::Exempt, self.rank(req).0);
            self.settings.observe(exempt);
            return Admittance::Pass;
        }
        let (rank, is_set) = self.rank(req);
        let answer = match self.key.key(req) {
            Some(key) => self.ask(&key, rank),
            None => return self.without_key(req, rank),
        };
        let level = is_set.then(|| rank.criticality());
        let held = HeldRequest::of(req, level, answer.learns(), &self.settings);
        match answer {
            LimiterAnswer::Permit(permit) => Admittance::Hold(held.with(permit)),
            LimiterAnswer::Nothing => Admittance::Hold(held),
            LimiterAnswer::Refusal(refusal) => Admittance::Refuse(refusal),
            LimiterAnswer::Wait(waiting, limiter) => {
                let pending = PendingAdmission { held, limiter };
                Admittance::Wait(waiting, pending)
            }
        }
    }

    /// Returns the rank of a request, and whether a priority decided it. Work
    /// for a request is never more important than the request.
    #[inline]
    fn rank<Req>(&self, req: &Req) -> (Rank, bool)
    where
        P: Prioritize<Req>,
    {
        match (self.priority.rank(req), criticality::current()) {
            (Some(own), Some(most)) if own.criticality() > most => {
                (Rank::new(most, own.cohort()), true)
            }
            (Some(own), _) => (own, true),
            (None, Some(outer)) => (outer.into(), false),
            (None, None) => (Rank::default(), false),
        }
    }

    /// Moves the cut-off if it is time to, and asks the limiter. In shadow mode
    /// a request never waits.
    #[inline]
    fn ask<Key>(&self, key: &Key, rank: Rank) -> LimiterAnswer
    where
        L: Permits<Key>,
    {
        if let Some(shedder) = &self.shedder {
            shedder.arrived(rank, |cut_off| self.permits.set_cut_off(cut_off));
        }
        let deadline = deadline::current();
        let denied = |shed, load| ShedRequest {
            shed,
            rank,
            waited: Duration::ZERO,
            limiter: self.permits.name(),
            load,
        };
        match self.permits.acquire(key, Ask { rank, deadline }) {
            Entry::Admitted(permit) => {
                self.admitted(&permit, EntryOutcome::Admitted, || self.permits.name());
                LimiterAnswer::Permit(permit)
            }
            Entry::Refused(shed) => self.denied(denied(shed, self.permits.load(key))),
            Entry::Queued(_) if self.settings.shadow => {
                self.denied(denied(Shed::Full, self.permits.load(key)))
            }
            Entry::Queued(waiting) => LimiterAnswer::Wait(waiting, self.permits.name().into()),
        }
    }

    #[cold]
    fn without_key<B>(&self, req: &Request<B>, rank: Rank) -> Admittance
    where
        K: Key<Request<B>>,
        for<'a> L: Permits<K::Key<'a>>,
    {
        let limiter = Permits::<K::Key<'_>>::name(&self.permits);
        let absence = self.key.absence(req);
        let refusal = self.settings.without_key(limiter, rank, absence);
        refusal.map_or(Admittance::Pass, Admittance::Refuse)
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
