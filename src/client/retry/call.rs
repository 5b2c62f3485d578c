//! A call between its attempts: what it needs to be sent again, and the
//! decision whether it is.

use std::{sync::Arc, time::Duration};

use http::Request;
use tokio::time::Instant;

use super::{
    body::{BodySource, RepeatableBody},
    budget::Reservation,
    head::SavedHead,
    nested::Repeated,
    observe::{Event, Stop},
    outcome::{Delay, Finding, Progress},
    settings::{RetrySettings, count_attempts},
};
use crate::deadline::CallEnd;

/// A call that may be sent again.
pub(super) struct RetriedCall<Q> {
    pub(super) settings: Arc<RetrySettings>,
    head: SavedHead,
    /// `None` if the body is too large.
    source: Option<Q>,
    end: CallEnd,
    is_repeatable: bool,
    /// How many attempts may have left the client.
    sent: u32,
    /// How many retries count against the most that are allowed.
    retries: u32,
    /// How often the backoff has doubled.
    doubled: u32,
    /// Whether it was sent again without a budget, because the server's
    /// transport had refused it.
    is_refusal_used: bool,
    /// Whether it was sent again.
    is_repeated: bool,
}

/// A retry that is allowed.
pub(super) struct Plan {
    pub(super) progress: Progress,
    /// How long to wait before it.
    pub(super) delay: Duration,
    /// Its place in the budget; `None` if it needs none.
    pub(super) reservation: Option<Reservation>,
}

impl<Q> RetriedCall<Q> {
    /// Prepares a request for its first attempt.
    #[inline]
    pub(super) fn begin<B>(settings: &Arc<RetrySettings>, mut req: Request<B>) -> (Request<B>, Self)
    where
        B: RepeatableBody<Source = Q>,
    {
        settings.notice(Event::Called);
        settings.budget.count();
        let is_repeatable = settings.make_repeatable(&mut req);
        let end = CallEnd::of(&req);
        let head = SavedHead::of(&req);
        let (parts, body) = req.into_parts();
        let (body, source) = body.repeatable(settings.max_body_bytes);
        let call = Self {
            settings: settings.clone(),
            head,
            source,
            end,
            is_repeatable,
            sent: 0,
            retries: 0,
            doubled: 0,
            is_refusal_used: false,
            is_repeated: false,
        };
        (Request::from_parts(parts, body), call)
    }

    /// Returns whether it may be sent again although it was processed, so that
    /// it is worth to wait for the trailers.
    pub(super) fn waits_for_trailers<B>(&self) -> bool
    where
        Q: BodySource<B>,
    {
        let is_read = self.source.as_ref().is_some_and(BodySource::is_read);
        self.is_repeatable && is_read && self.retries < self.settings.max_retries
    }

    /// Decides about a failure.
    pub(super) fn plan(&mut self, finding: Finding) -> Result<Plan, Stop> {
        let (progress, delay) = match finding {
            Finding::Failure { progress, delay } => (progress, delay),
            Finding::Final(stop) => return Err(stop),
            Finding::Answer => unreachable!("an answer is passed on"),
        };
        self.sent += u32::from(progress != Progress::NotSent);
        self.check_repeatable(progress)?;
        let counts = self.check_attempts(progress)?;
        let delay = self.delay(progress, delay)?;
        self.check_deadline(delay)?;
        let reservation = self.reserve(progress)?;
        self.retries += u32::from(counts);
        Ok(Plan {
            progress,
            delay,
            reservation,
        })
    }

    /// A call that may have been processed is repeated only if it may be
    /// processed twice.
    fn check_repeatable(&self, progress: Progress) -> Result<(), Stop> {
        let may_be_processed = progress == Progress::Unknown;
        if may_be_processed && !self.is_repeatable {
            return Err(Stop::NotRepeatable);
        }
        self.source.as_ref().map(|_| ()).ok_or(Stop::Body)
    }

    /// Returns whether the retry counts. One of a call that was not sent does
    /// not, if its deadline bounds it.
    fn check_attempts(&self, progress: Progress) -> Result<bool, Stop> {
        let is_unbounded = self.end.instant().is_none();
        let counts = progress != Progress::NotSent || is_unbounded;
        match counts && self.retries >= self.settings.max_retries {
            true => Err(Stop::Attempts),
            false => Ok(counts),
        }
    }

    /// Returns how long to wait.
    fn delay(&mut self, progress: Progress, said: Delay) -> Result<Duration, Stop> {
        let is_free = progress == Progress::NotProcessed && !self.is_refusal_used;
        match said {
            Delay::Never => Err(Stop::Forbidden),
            Delay::Exactly(delay) => {
                self.doubled = 0;
                self.within_cap(delay)
            }
            Delay::AtLeast(delay) if !delay.is_zero() => self.within_cap(delay),
            // Another connection is not likely to refuse it.
            _ if is_free => Ok(Duration::ZERO),
            _ => {
                let delay = self.settings.backoff.delay(self.doubled);
                self.doubled = self.doubled.saturating_add(1);
                Ok(delay)
            }
        }
    }

    fn within_cap(&self, delay: Duration) -> Result<Duration, Stop> {
        let fits = delay <= self.settings.max_delay;
        fits.then_some(delay).ok_or(Stop::Forbidden)
    }

    /// A retry has to begin before the deadline.
    pub(super) fn check_deadline(&self, delay: Duration) -> Result<(), Stop> {
        let begins = Instant::now().checked_add(delay);
        let end = self.end.instant();
        let fits = end.is_none_or(|end| begins.is_some_and(|begins| begins < end));
        fits.then_some(()).ok_or(Stop::Deadline)
    }

    /// Takes a place in the budget. The first retry of a call that the server's
    /// transport has refused needs none, nor does one of a call that was not
    /// sent.
    fn reserve(&mut self, progress: Progress) -> Result<Option<Reservation>, Stop> {
        let is_free = match progress {
            Progress::NotSent => true,
            Progress::NotProcessed => !std::mem::replace(&mut self.is_refusal_used, true),
            Progress::Unknown => false,
        };
        if is_free {
            return Ok(None);
        }
        let reservation = self.settings.budget.reserve().ok_or(Stop::Budget)?;
        Ok(Some(reservation))
    }

    /// Returns the request of the next attempt; `None` if its body cannot be
    /// sent again.
    pub(super) fn next_request<B>(&mut self) -> Option<Request<B>>
    where
        Q: BodySource<B>,
    {
        let body = self.source.as_mut()?.next()?;
        let mut req = self.head.request(body);
        self.end.shorten(req.headers_mut());
        if self.sent > 0 {
            count_attempts(req.headers_mut(), self.sent);
        }
        req.extensions_mut().insert(Repeated);
        Some(req)
    }

    /// Returns the instant by which the call has to be done.
    pub(super) fn end(&self) -> Option<Instant> {
        self.end.instant()
    }

    /// Notes that it was sent again.
    pub(super) fn sent_again(&mut self) {
        self.is_repeated = true;
    }

    /// Returns whether it was sent again.
    pub(super) fn is_repeated(&self) -> bool {
        self.is_repeated
    }
}
