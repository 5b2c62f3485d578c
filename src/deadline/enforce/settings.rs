//! What the layer does with one request, but for calling the inner service.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderName, Request, response::Parts};
use tokio::time::Instant;

use super::{
    callers::CallersOwn,
    headers::{self, Form, Said},
    rejection_budget::Rejections,
    request_scope::Errand,
    timer::Watch,
    trust::{Trust, Trusts},
};
use crate::deadline::{
    Coverage, Covers, Deadline,
    coverage::Extent,
    current,
    observe::{Event, Observe},
};
use crate::{exempt::Exempt, refusal::Refusal};

/// The settings of a layer that are no types of their own. What is counted and
/// watched is shared by all who have them.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) default_timeout: Option<Duration>,
    pub(super) maximum: Option<Duration>,
    pub(super) min_useful: Duration,
    pub(super) headers: Vec<(HeaderName, Form)>,
    pub(super) strict: bool,
    pub(super) with_cancellation: bool,
    pub(super) observer: Option<Arc<dyn Observe>>,
    /// `None` is [`Coverage::usual`].
    pub(super) covers: Option<Arc<dyn Covers + Send + Sync>>,
    pub(super) rejections: Arc<Rejections>,
    pub(super) watch: Arc<Watch>,
}

/// The settings of a layer.
#[derive(Clone)]
pub(super) struct Gate<T, X> {
    pub(super) trust: T,
    pub(super) exempt: X,
    pub(super) terms: Arc<Terms>,
}

/// What is to be done with a request.
pub(super) enum Passage {
    /// It has no deadline.
    Free,
    Under(Time),
    Refuse(Refusal),
}

/// How much time a request has.
#[derive(Clone, Copy)]
pub(super) struct Time {
    /// What the handler is told.
    pub(super) deadline: Deadline,
    /// What ends the handler; `None` if no deadline does.
    pub(super) until: Option<Deadline>,
    /// An answer counts however late it is.
    pub(super) is_spared: bool,
    /// The deadline is the caller's, and shorter than the server's own.
    pub(super) is_callers: bool,
}

impl Time {
    #[inline]
    fn until(deadline: Deadline, is_callers: bool) -> Self {
        Self {
            deadline,
            until: Some(deadline),
            is_spared: false,
            is_callers,
        }
    }

    /// For a request that its own deadline does not end.
    fn spared(deadline: Deadline, until: Option<Deadline>) -> Self {
        Self {
            deadline,
            until,
            is_spared: true,
            is_callers: false,
        }
    }
}

impl Terms {
    pub(super) fn new() -> Self {
        Self {
            default_timeout: None,
            maximum: None,
            min_useful: Duration::ZERO,
            headers: headers::usual(),
            strict: false,
            with_cancellation: false,
            observer: None,
            covers: None,
            rejections: Arc::new(Rejections::at_most(20)),
            watch: Arc::default(),
        }
    }

    #[inline]
    pub(super) fn notice(&self, event: Event) {
        if let Some(observer) = &self.observer {
            observer.noticed(&event);
        }
    }

    /// How much of the response with this head the deadline bounds.
    #[inline]
    pub(super) fn coverage(&self, head: &Parts) -> Extent {
        let covers = self.covers.as_ref();
        covers
            .map_or_else(|| Coverage::usual(head), |it| it.coverage(head))
            .0
    }

    /// How much time there is by the request's headers and the server's terms.
    #[inline]
    fn timeout(&self, trust: Trust, asked: Option<Duration>) -> Option<Duration> {
        let Some(asked) = asked else {
            return self.default_timeout();
        };
        let (granted, is_less) = trust.grant(asked, self.default_timeout, self.maximum);
        if is_less {
            self.notice(Event::Clamped);
        }
        Some(granted)
    }

    /// Who asked for no time at all gets none. For everybody else there are not
    /// too many refused.
    #[inline]
    fn admit(&self, time: Time, now: Instant, asked_for_none: bool) -> Passage {
        let deadline = time.deadline;
        let left = deadline.instant().saturating_duration_since(now);
        if !left.is_zero() && left >= self.min_useful {
            return Passage::Under(time);
        }
        if asked_for_none || self.rejections.take(now) {
            self.notice(Event::Rejected);
            let refusal = Refusal::deadline_exceeded();
            return Passage::Refuse(refusal.by_caller(time.is_callers));
        }
        self.notice(Event::AdmittedOverBudget);
        let own = self.default_timeout();
        let own = own.map(|own| Deadline::since(now, own));
        Passage::Under(Time::spared(deadline, own))
    }

    /// How long requests have that say nothing.
    #[inline]
    fn default_timeout(&self) -> Option<Duration> {
        let maximum = self.maximum.unwrap_or(Duration::MAX);
        self.default_timeout.map(|default| default.min(maximum))
    }

    /// Whether a caller has asked for less than it would be given.
    #[inline]
    fn is_short(&self, asked: Option<Duration>) -> bool {
        let given = self.default_timeout().or(self.maximum);
        asked.is_some_and(|asked| given.is_none_or(|given| asked < given))
    }

    /// Makes the deadline known to whoever looks into the request.
    #[inline]
    pub(super) fn enter<B>(&self, time: Time, req: &mut Request<B>) -> Errand {
        let mut errand = Errand::new(time.deadline, time.until);
        req.extensions_mut().insert(time.deadline);
        if time.is_callers {
            req.extensions_mut().insert(CallersOwn);
        }
        if self.with_cancellation {
            errand
                .signal()
                .map(|signal| req.extensions_mut().insert(signal));
        }
        errand
    }
}

impl<T, X> Gate<T, X> {
    #[inline]
    pub(super) fn ask<B>(&self, req: &Request<B>) -> Passage
    where
        T: Trusts<B>,
        X: Exempt<Request<B>>,
    {
        if self.exempt.is_exempt(req) {
            return Passage::Free;
        }
        // The first thing to do, before anybody waits for anything.
        let now = Instant::now();
        self.terms.rejections.count(now);
        let (trust, said) = self.said(req);
        if let Some(malformed) = said.malformed {
            self.terms.notice(Event::Malformed);
            if self.terms.strict {
                return Passage::Refuse(Refusal::bad_deadline(malformed));
            }
        }
        let timeout = self.terms.timeout(trust, said.timeout);
        let own = timeout.map(|timeout| Deadline::since(now, timeout));
        let others = [req.extensions().get().copied(), current()];
        let deadline = own.into_iter().chain(others.into_iter().flatten()).min();
        let left = |it: Deadline| it.instant().saturating_duration_since(now);
        self.terms.notice(Event::Entered(deadline.map(left)));
        deadline.map_or(Passage::Free, |deadline| {
            let asked_for_none = said.timeout == Some(Duration::ZERO);
            let is_callers = match own == Some(deadline) {
                true => self.terms.is_short(said.timeout),
                false => is_callers_own(deadline, req),
            };
            let time = Time::until(deadline, is_callers);
            self.terms.admit(time, now, asked_for_none)
        })
    }

    /// Who is not believed is not listened to.
    #[inline]
    fn said<B>(&self, req: &Request<B>) -> (Trust, Said)
    where
        T: Trusts<B>,
    {
        let trust = self.trust.trust(req);
        let said = match trust {
            Trust::Never => Said::default(),
            Trust::LowerOnly | Trust::Full => headers::read(req.headers(), &self.terms.headers),
        };
        (trust, said)
    }
}

/// Whether a layer further out has said that this deadline is the caller's.
fn is_callers_own<B>(deadline: Deadline, req: &Request<B>) -> bool {
    let extensions = req.extensions();
    extensions.get() == Some(&deadline) && extensions.get::<CallersOwn>().is_some()
}

impl<T, X> fmt::Debug for Gate<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("default_timeout", &self.terms.default_timeout)
            .field("maximum", &self.terms.maximum)
            .field("min_useful", &self.terms.min_useful)
            .finish_non_exhaustive()
    }
}
