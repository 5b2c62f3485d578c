//! The settings that do not change the type of a layer, and how they refuse.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    concurrency::{
        observe::{EntryOutcome, Event, Observe},
        priority::Rank,
        shed::Shed,
    },
    key::{Absence, PeerWarning},
    random_bits::RandomBits,
    refusal::{Reason, Refusal},
};

/// When to try a request again that was refused, and how far apart: a fifth
/// less to a fifth more than this, so that clients do not come back together.
const DEFAULT_RETRY: Duration = Duration::from_secs(1);

/// Says for which refusals a retry is forbidden.
pub(super) type ForbidRetry = Arc<dyn Fn(Shed) -> bool + Send + Sync>;

/// The settings of a layer.
#[derive(Clone)]
pub(super) struct ConcurrencySettings {
    /// Whether requests without a key pass.
    pub(super) pass_without_key: bool,
    /// Whether to decide, but to let every request pass.
    pub(super) shadow: bool,
    /// Whether a permit goes back with the head of the response.
    pub(super) release_at_head: bool,
    /// Whether a connection that changes its protocol keeps its permit.
    pub(super) count_upgrades: bool,
    /// Whether a caller that gets no permit is over a limit of its own.
    pub(super) limit_of_caller: bool,
    /// Whether a priority moves the cut-off, because nothing else was set.
    pub(super) has_default_cut_off: bool,
    /// When to retry, before jitter.
    pub(super) retry_after: Duration,
    pub(super) forbid_retry: Option<ForbidRetry>,
    /// The jitter.
    pub(super) random: RandomBits,
    pub(super) peer_warning: PeerWarning,
    /// Sees every decision.
    pub(super) observer: Option<Arc<dyn Observe>>,
}

impl ConcurrencySettings {
    /// Refuses a request that got no permit.
    #[cold]
    pub(super) fn shed(&self, limiter: Arc<str>, shed: Shed) -> Refusal {
        if shed == Shed::Expired {
            return Refusal::deadline_exceeded();
        }
        let is_forbidden = self.forbid_retry.as_ref().is_some_and(|it| it(shed));
        let retry = (!is_forbidden).then(|| self.jittered());
        let refusal = Refusal::shed(limiter, shed, retry);
        match self.is_by_own_limit(shed) {
            true => refusal.of_own_limit(),
            false => refusal,
        }
    }

    /// Returns whether a request was refused because its caller uses all of its
    /// own permits. The cut-off is that of the server.
    pub(super) fn is_by_own_limit(&self, shed: Shed) -> bool {
        self.limit_of_caller && shed != Shed::CutOff
    }

    /// Refuses a request without a key, unless it may pass.
    #[cold]
    pub(super) fn without_key(
        &self,
        limiter: &str,
        rank: Rank,
        absence: Absence,
    ) -> Option<Refusal> {
        if absence == Absence::NoPeer {
            self.peer_warning.warn(limiter);
        }
        if self.pass_without_key || self.shadow {
            self.observe(|| Event::new(limiter, EntryOutcome::Keyless, rank));
            return None;
        }
        Some(Refusal::because(match absence {
            Absence::NoPeer => Reason::NoPeer,
            _ => Reason::NoKey,
        }))
    }

    /// Notifies the observer, if there is one.
    #[inline]
    pub(super) fn observe<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(observer) = &self.observer {
            observer.decided(&event());
        }
    }

    /// Returns when to retry: 0.8 to 1.2 times the setting.
    fn jittered(&self) -> Duration {
        self.retry_after.mul_f64(0.8 + 0.4 * self.random.fraction())
    }
}

impl Default for ConcurrencySettings {
    fn default() -> Self {
        Self {
            pass_without_key: false,
            shadow: false,
            release_at_head: false,
            count_upgrades: false,
            limit_of_caller: false,
            has_default_cut_off: true,
            retry_after: DEFAULT_RETRY,
            forbid_retry: None,
            random: RandomBits::default(),
            peer_warning: PeerWarning::default(),
            observer: None,
        }
    }
}

impl fmt::Debug for ConcurrencySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencySettings")
            .field("pass_without_key", &self.pass_without_key)
            .field("shadow", &self.shadow)
            .field("release_at_head", &self.release_at_head)
            .field("count_upgrades", &self.count_upgrades)
            .field("limit_of_caller", &self.limit_of_caller)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}
