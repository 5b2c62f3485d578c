//! Asks the limiter about a request, without calling the inner service. The
//! service asks for each request, and the future again when its wait has ended.

use std::{fmt, sync::Arc, time::Duration};

use http::Request;
use tokio::time::Instant;

use super::{held_request::HeldRequest, settings::ConcurrencySettings, shedder::Shedder};
use crate::{
    concurrency::{
        ask::Ask,
        gate::{Entry, Permit, Waiting},
        local::Permits,
        priority::{Prioritize, Rank},
        shed::Shed,
    },
    criticality, deadline,
    exempt::Exempt,
    key::Key,
    refusal::Refusal,
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

/// A request that the limiter was asked about.
pub(super) struct AskedRequest {
    rank: Rank,
    held: HeldRequest,
}

/// A request that waits for its permit.
pub(super) struct PendingAdmission {
    asked: AskedRequest,
    since: Instant,
    /// The name of the limiter.
    limiter: Arc<str>,
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
            return Admittance::Pass;
        }
        let (rank, is_set) = self.rank(req);
        let (entry, limiter) = match self.key.key(req) {
            Some(key) => self.ask(&key, rank),
            None => return self.without_key(req),
        };
        let level = is_set.then(|| rank.criticality());
        let held = HeldRequest::of(req, level, &self.settings);
        self.act(entry, AskedRequest { rank, held }, limiter)
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

    /// Moves the cut-off if it is time to, and asks the limiter.
    #[inline]
    fn ask<Key>(&self, key: &Key, rank: Rank) -> (Entry, Option<Arc<str>>)
    where
        L: Permits<Key>,
    {
        if let Some(shedder) = &self.shedder
            && let Some(cut_off) = shedder.arrived(rank)
        {
            self.permits.set_cut_off(cut_off);
        }
        let deadline = deadline::current();
        let entry = self.permits.acquire(key, Ask { rank, deadline });
        let limiter = match entry {
            Entry::Admitted(_) => None,
            _ => Some(self.permits.name().into()),
        };
        (entry, limiter)
    }

    /// Acts on the answer of the limiter. In shadow mode a request never waits.
    #[inline]
    fn act(&self, entry: Entry, asked: AskedRequest, limiter: Option<Arc<str>>) -> Admittance {
        let limiter = || limiter.unwrap_or_default();
        match entry {
            Entry::Admitted(permit) => self.admitted(permit, asked),
            Entry::Refused(shed) => self.refused(shed, asked, Duration::ZERO, limiter()),
            Entry::Queued(_) if self.settings.shadow => Admittance::Hold(asked.held),
            Entry::Queued(waiting) => {
                let queued = PendingAdmission {
                    asked,
                    since: Instant::now(),
                    limiter: limiter(),
                };
                Admittance::Wait(waiting, queued)
            }
        }
    }

    /// Decides about a request whose wait has ended. Never returns
    /// [`Admittance::Wait`].
    pub(super) fn after_wait(
        &self,
        outcome: Result<Permit, Shed>,
        queued: PendingAdmission,
    ) -> Admittance {
        let PendingAdmission {
            asked,
            since,
            limiter,
        } = queued;
        match outcome {
            Ok(permit) => self.admitted(permit, asked),
            Err(shed) => self.refused(shed, asked, since.elapsed(), limiter),
        }
    }

    #[inline]
    fn admitted(&self, permit: Permit, asked: AskedRequest) -> Admittance {
        if let Some(shedder) = &self.shedder {
            shedder.admitted(asked.rank, permit.waited());
        }
        Admittance::Hold(asked.held.with(permit))
    }

    #[cold]
    fn refused(
        &self,
        shed: Shed,
        asked: AskedRequest,
        waited: Duration,
        limiter: Arc<str>,
    ) -> Admittance {
        if let Some(shedder) = &self.shedder {
            shedder.refused(asked.rank, shed, waited);
        }
        match self.settings.shadow {
            true => Admittance::Hold(asked.held),
            false => Admittance::Refuse(self.settings.shed(limiter, shed)),
        }
    }

    #[cold]
    fn without_key<B>(&self, req: &Request<B>) -> Admittance
    where
        K: Key<Request<B>>,
        for<'a> L: Permits<K::Key<'a>>,
    {
        let limiter = Permits::<K::Key<'_>>::name(&self.permits);
        let refusal = self.settings.without_key(limiter, self.key.absence(req));
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
