//! The priority of requests, as users set it.

use http::HeaderName;

use super::{
    level::{ByClosure, FindLevel, FromHeader},
    principal::{ByPrincipal, EvenlySpread, FindCohort},
};
use crate::{
    concurrency::priority::{cohorts::Cohorts, rank::Rank},
    criticality::{Criticality, HEADER},
};

/// Decides the [`Rank`] of requests: their level, and their cohort in it.
///
/// # The level
///
/// | source | the level is |
/// |---|---|
/// | [`header`](Self::header) | that of `x-criticality`; callers that are not [trusted](Self::trust) can lower it below the default, but not raise it above |
/// | [`by`](Self::by) | what a closure returns |
///
/// The default of a request is the [`Criticality`] among its extensions, which
/// a layer further out has put there; otherwise the
/// [`default_level`](Self::default_level).
///
/// # The cohort
///
/// With a [`principal`](Self::principal), a request is in the [cohort](Cohorts)
/// of its principal, and in the one that is shed first if it has none. Without,
/// requests are spread evenly over the cohorts, and a user in an overload meets
/// refusals at random.
///
/// # Example
///
/// ```
/// use http::{Method, Request};
/// use sluicegate::{concurrency::{Cohorts, Prioritize, Priority, Rank}, criticality::Criticality, key};
///
/// let priority = Priority::header()
///     // Only our gateway may raise the level.
///     .trust(|req: &Request<()>| req.extensions().get::<Gateway>().is_some())
///     .principal(key::header("x-user"), Cohorts::salted(*b"from a secret..."));
///
/// #[derive(Clone)]
/// struct Gateway;
///
/// let level = |req: &Request<()>| priority.rank(req).map(Rank::criticality);
/// let mut request = Request::get("/").header("x-criticality", "critical-plus").body(()).unwrap();
/// assert_eq!(level(&request), Some(Criticality::Critical));
/// request.extensions_mut().insert(Gateway);
/// assert_eq!(level(&request), Some(Criticality::CriticalPlus));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Priority<L = FromHeader, C = EvenlySpread> {
    level: L,
    cohort: C,
    default: Criticality,
}

impl Priority {
    /// Reads the level from the header `x-criticality`, and trusts no caller to
    /// raise it.
    pub fn header() -> Self {
        Self::of(FromHeader {
            name: HEADER,
            trust: (),
        })
    }
}

impl<F> Priority<ByClosure<F>> {
    /// Lets a closure decide the level of each request.
    ///
    /// ```
    /// use http::Request;
    /// use sluicegate::{concurrency::Priority, criticality::Criticality};
    ///
    /// let priority = Priority::by(|req: &Request<()>| match req.uri().path() {
    ///     "/play" => Criticality::CriticalPlus,
    ///     "/prefetch" => Criticality::Sheddable,
    ///     _ => Criticality::Critical,
    /// });
    /// # let _ = priority;
    /// ```
    pub fn by<Req>(level: F) -> Self
    where
        F: Fn(&Req) -> Criticality,
    {
        Self::of(ByClosure(level))
    }
}

impl<L> Priority<L> {
    fn of(level: L) -> Self {
        Self {
            level,
            cohort: EvenlySpread::default(),
            default: Criticality::default(),
        }
    }
}

impl<T, C> Priority<FromHeader<T>, C> {
    /// Sets which callers may raise the level of their requests above the
    /// default, such as services of the same fleet. By default none may.
    pub fn trust<Req, F: Fn(&Req) -> bool>(self, trust: F) -> Priority<FromHeader<F>, C> {
        Priority {
            level: FromHeader {
                name: self.level.name,
                trust,
            },
            cohort: self.cohort,
            default: self.default,
        }
    }

    /// Sets the name of the header.
    pub fn named(mut self, name: HeaderName) -> Self {
        self.level.name = name;
        self
    }

    /// Sets the level of requests that have none. The default is
    /// [`Criticality::Critical`].
    pub fn default_level(self, default: Criticality) -> Self {
        Self { default, ..self }
    }
}

impl<L, C> Priority<L, C> {
    /// Sets the principal of a request, such as its user or its tenant, and the
    /// cohorts that principals are in.
    ///
    /// Requests without a principal are shed first of their level. Give them
    /// one by [`or`](crate::key::KeyExt::or), such as their address.
    pub fn principal<K>(self, key: K, cohorts: Cohorts) -> Priority<L, ByPrincipal<K>> {
        Priority {
            level: self.level,
            cohort: ByPrincipal { key, cohorts },
            default: self.default,
        }
    }
}

/// Decides the rank of a request. Implemented by [`Priority`], and by `()`,
/// which decides none.
pub trait Prioritize<Req> {
    /// Returns the rank; `None` if requests have no priority. Then all are of
    /// the default rank, and the current level of the work for them stays what
    /// it is.
    fn rank(&self, req: &Req) -> Option<Rank>;
}

impl<Req> Prioritize<Req> for () {
    #[inline]
    fn rank(&self, _req: &Req) -> Option<Rank> {
        None
    }
}

impl<Req, L: FindLevel<Req>, C: FindCohort<Req>> Prioritize<Req> for Priority<L, C> {
    fn rank(&self, req: &Req) -> Option<Rank> {
        let level = self.level.level(req, self.default);
        Some(Rank::new(level, self.cohort.cohort(req)))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;
    use crate::key;

    fn request(sent: Option<Criticality>, set: Option<Criticality>) -> Request<()> {
        let mut req = Request::new(());
        if let Some(sent) = sent {
            sent.write(req.headers_mut());
        }
        if let Some(set) = set {
            req.extensions_mut().insert(set);
        }
        req
    }

    #[test]
    fn a_stranger_lowers_its_level_and_never_raises_it() {
        let levels = || Criticality::ALL.into_iter().map(Some).chain([None]);
        for default in Criticality::ALL {
            let strange = Priority::header().default_level(default);
            let trusted = strange.clone().trust(|_: &Request<()>| true);
            for (sent, set) in levels().flat_map(|sent| levels().map(move |set| (sent, set))) {
                let req = request(sent, set);
                let level = |rank: Option<Rank>| rank.map(Rank::criticality);
                let own = set.unwrap_or(default);
                let lowered = sent.map_or(own, |sent| sent.min(own));
                assert_eq!(level(strange.rank(&req)), Some(lowered));
                assert_eq!(level(trusted.rank(&req)), Some(sent.unwrap_or(own)));
            }
        }
    }

    #[test]
    fn a_header_that_cannot_be_read_is_as_good_as_none() {
        let trusted = Priority::header().trust(|_: &Request<()>| true);
        for text in ["", "urgent", "critical-plus;q=1", "\u{ff}"] {
            let mut req = Request::new(());
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            req.headers_mut().insert(HEADER, value);
            let rank = trusted.rank(&req).unwrap();
            assert_eq!(rank.criticality(), Criticality::Critical, "{text:?}");
        }
    }

    #[test]
    fn requests_without_a_principal_are_shed_first_of_their_level() {
        let cohorts = Cohorts::salted([7; 16]);
        let priority = Priority::header().principal(key::header("x-user"), cohorts.clone());
        let named = Request::get("/").header("x-user", "ann").body(()).unwrap();
        let rank = priority.rank(&named).unwrap();
        assert_eq!(rank.cohort(), cohorts.of("ann"));
        let unnamed = priority.rank(&Request::new(())).unwrap();
        assert_eq!(unnamed, Rank::new(Criticality::Critical, 127));
    }

    #[test]
    fn without_principals_requests_are_spread_evenly() {
        let priority = Priority::header();
        let mut counts = [0; 128];
        for _ in 0..12_800 {
            let rank = priority.rank(&Request::new(())).unwrap();
            counts[usize::from(rank.cohort())] += 1;
        }
        assert!(
            counts.iter().all(|count| (97..=103).contains(count)),
            "{counts:?}"
        );
    }
}
