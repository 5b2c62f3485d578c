//! Decides about each request as it comes in: whether it has a deadline, which
//! one, and whether enough time is left. The service calls it.
//!
//! The deadline is the earliest of three:
//!
//! * the layer's own: the time of arrival plus the timeout that is granted,
//! * the one in the extensions, which an outer layer or the program has set,
//! * the current one of the task that calls the service.
//!
//! # Whose deadline it is
//!
//! A server is not to blame for a deadline that the caller chose, unless the
//! server's own would have been as short. That is noted with the request
//! ([`TimeLimit::is_callers`]), in the refusal, and for inner layers in the
//! extensions, because only the outermost layer sees the caller's header.

use std::{fmt, sync::Arc, time::Duration};

use http::Request;
use tokio::time::Instant;

use super::{
    caller_deadline::ChosenByCaller,
    headers::{self, RequestedTimeout},
    request_scope::RequestScope,
    settings::EnforceSettings,
    trust::{Trust, TrustPolicy},
};
use crate::{
    deadline::{Deadline, Event, current, deadline::earlier},
    exempt::Exempt,
    refusal::Refusal,
};

/// The entry to a service: all settings that decide about a request. A layer
/// and all its services share one.
///
/// Apart from the cache line of its reference count, which all threads write:
/// each request reads this, and a router clones the service for each.
#[repr(align(64))]
#[derive(Clone)]
pub(super) struct DeadlineEntry<T, X> {
    /// How far requests are believed; a [`TrustPolicy`].
    pub(super) trust: T,
    /// Which requests get no deadline; an [`Exempt`].
    pub(super) exempt: X,
    /// In an `Arc` of its own, because futures and bodies have it too.
    pub(super) settings: Arc<EnforceSettings>,
}

/// The decision about a request.
pub(super) enum Admit {
    /// It has no deadline.
    Free,
    /// It has this much time.
    Under(TimeLimit),
    /// It has too little time, or a malformed timeout.
    Refuse(Refusal),
}

/// How much time a request has.
#[derive(Clone, Copy)]
pub(super) struct TimeLimit {
    /// The deadline that the handler sees.
    pub(super) deadline: Deadline,
    /// The deadline that ends the handler; `None` if none does.
    pub(super) until: Option<Deadline>,
    /// Whether it was let in over the budget of rejections, so that its
    /// response counts however late it is.
    pub(super) is_over_budget: bool,
    /// Whether the caller chose the deadline, shorter than the server's own.
    pub(super) is_callers: bool,
}

impl TimeLimit {
    /// Returns the time of a request that was not let in over the budget.
    #[inline]
    fn new(deadline: Deadline, until: Option<Deadline>, is_callers: bool) -> Self {
        Self {
            deadline,
            until,
            is_over_budget: false,
            is_callers,
        }
    }
}

impl<T, X> DeadlineEntry<T, X> {
    /// Decides about a request.
    #[inline]
    pub(super) fn decide<B>(&self, req: &Request<B>) -> Admit
    where
        T: TrustPolicy<B>,
        X: Exempt<Request<B>>,
    {
        if self.exempt.is_exempt(req) {
            return Admit::Free;
        }
        // First of all, so that the time counts from when the request came.
        let now = Instant::now();
        self.settings.rejections.count(now);
        let (trust, requested) = self.requested(req);
        if let Some(malformed) = requested.malformed {
            self.settings.notice(Event::Malformed);
            if self.settings.is_strict {
                return Admit::Refuse(Refusal::bad_deadline(malformed));
            }
        }
        let timeout = self.settings.timeout(trust, requested.timeout);
        let own = timeout.map(|timeout| Deadline::since(now, timeout));
        // Not subject to trust: an outer layer or the program has set these.
        let others = earlier(req.extensions().get().copied(), current());
        let deadline = earlier(own, others);
        self.settings.notice_entered(deadline, now);
        let Some(deadline) = deadline else {
            return Admit::Free;
        };
        let asked = requested.timeout;
        let is_callers = match own == Some(deadline) {
            true => self.settings.is_short(asked),
            false => is_chosen_by_caller(deadline, req),
        };
        if deadline.leaves(self.settings.min_useful, now) {
            let until = Some(deadline);
            return Admit::Under(TimeLimit::new(deadline, until, is_callers));
        }
        self.admit_late(deadline, now, asked == Some(Duration::ZERO), is_callers)
    }

    /// Reads the timeouts of a request that is believed.
    #[inline]
    fn requested<B>(&self, req: &Request<B>) -> (Trust, RequestedTimeout)
    where
        T: TrustPolicy<B>,
    {
        let trust = self.trust.trust(req);
        let requested = match trust {
            Trust::Never => RequestedTimeout::default(),
            Trust::LowerOnly | Trust::Full => headers::read(req.headers(), &self.settings.headers),
        };
        (trust, requested)
    }

    /// Refuses a request with too little time, within the budget of
    /// rejections. One that asked for a timeout of zero is always refused.
    #[cold]
    fn admit_late(
        &self,
        deadline: Deadline,
        now: Instant,
        asked_for_none: bool,
        is_callers: bool,
    ) -> Admit {
        let settings = &self.settings;
        if asked_for_none || settings.rejections.take(now) {
            settings.notice(Event::Rejected);
            let refusal = Refusal::deadline_exceeded();
            return Admit::Refuse(refusal.by_caller(is_callers));
        }
        settings.notice(Event::AdmittedOverBudget);
        // The handler sees its deadline, but only the server's own ends it.
        let own = settings.default_timeout();
        let until = own.map(|own| Deadline::since(now, own));
        Admit::Under(TimeLimit {
            is_over_budget: true,
            ..TimeLimit::new(deadline, until, false)
        })
    }

    /// Puts the deadline into the request and returns the scope of the work.
    #[inline]
    pub(super) fn enter<B>(&self, limit: TimeLimit, req: &mut Request<B>) -> RequestScope {
        let mut scope = RequestScope::new(limit.deadline, limit.until);
        req.extensions_mut().insert(limit.deadline);
        if limit.is_callers {
            req.extensions_mut().insert(ChosenByCaller);
        }
        if self.settings.with_cancellation {
            req.extensions_mut().insert(scope.signal());
        }
        scope
    }
}

/// Returns whether a layer further out noted that the caller chose this
/// deadline.
fn is_chosen_by_caller<B>(deadline: Deadline, req: &Request<B>) -> bool {
    let extensions = req.extensions();
    extensions.get() == Some(&deadline) && extensions.get::<ChosenByCaller>().is_some()
}

impl<T, X> fmt::Debug for DeadlineEntry<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineEntry")
            .field("default_timeout", &self.settings.default_timeout)
            .field("maximum", &self.settings.maximum)
            .field("min_useful", &self.settings.min_useful)
            .finish_non_exhaustive()
    }
}
