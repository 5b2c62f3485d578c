//! The rule that all stores share: what the state of some work may become.
//!
//! | | absent | leased, by this token | leased, by another | lapsed | completed |
//! |---|---|---|---|---|---|
//! | [`claim`](State::claim) | leased: run | leased anew: run | running | leased: run, recovered; or unknown | replay |
//! | [`renew`](State::renew) | lost | leased anew | lost | as while leased | lost |
//! | [`complete`](State::complete) | lost | completed | lost | as while leased | held if by this token, else lost |
//! | [`restore`](State::restore) | completed | completed | lost | as while leased | held if by this token, else lost |
//! | [`release`](State::release) | lost | absent; lapsed if recovered | lost | as while leased | lost |
//!
//! A claim with another fingerprint is a mismatch, whatever the stage, and
//! changes nothing. A lease that has lapsed and was not taken over still
//! belongs to its holder, whose repeated claim is answered as while leased.
//! Tokens never repeat, so none has to be remembered.
//!
//! The rule has no clock and keeps no state. A store reads its clock once,
//! passes the state that it has under the name, and keeps what that became. A
//! state that [expired](State::expires) counts as absent.
//!
//! A store of one's own needs a lock around these calls and nothing else:
//!
//! ```
//! use std::time::Duration;
//! use sluicegate::idempotency::{
//!     Claim, ClaimRequest, Fingerprint, LeaseStatus, Takeover, Token, state::State,
//! };
//!
//! let request = ClaimRequest {
//!     fingerprint: Fingerprint::of("10 EUR to Ann"),
//!     token: Token::random(),
//!     lease: Duration::from_secs(10),
//!     keep: Duration::from_secs(3_600),
//!     takeover: Takeover::Refuse,
//! };
//! let (mut state, now) = (None, 1_000);
//! assert_eq!(State::claim(&mut state, now, &request), Claim::Run { attempt: 1 });
//!
//! let retry = ClaimRequest { token: Token::random(), ..request };
//! let running = State::claim(&mut state, now, &retry);
//! assert!(matches!(running, Claim::Running { .. }));
//!
//! let paid = State::complete(&mut state, now, request.token, "paid".into(), request.keep);
//! assert_eq!(paid, LeaseStatus::Held);
//! assert_eq!(State::claim(&mut state, now, &retry), Claim::Replay("paid".into()));
//! ```
//!
//! `lua/idempotency.lua` has the same rule for Redis, with the same names in
//! the same order.

use std::time::Duration;

use bytes::Bytes;

use super::{
    claim::{Claim, ClaimRequest, LeaseStatus, Takeover},
    fingerprint::Fingerprint,
    token::Token,
};
use crate::clock::{Tick, ticks};

/// The state of the work under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Identifies the work.
    pub fingerprint: Fingerprint,
    /// The token of the holder that does the work, or did it.
    pub token: Token,
    /// How far the work has come.
    pub stage: Stage,
}

/// How far work has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A holder has begun it.
    Leased {
        /// When the lease lapses.
        until: Tick,
        /// How many ticks the state is kept after that.
        keep: Tick,
        /// How often the work was begun: above 1 if a lease lapsed before.
        attempt: u32,
    },
    /// It is done.
    Completed {
        /// When the record expires.
        until: Tick,
        /// The outcome, for replays.
        record: Bytes,
    },
}

impl State {
    /// Returns when the state expires: from then on it counts as absent.
    pub fn expires(&self) -> Tick {
        match self.stage {
            Stage::Leased { until, keep, .. } => until.saturating_add(keep),
            Stage::Completed { until, .. } => until,
        }
    }

    /// Returns whether a lease is held that has not lapsed.
    pub fn is_running(&self, now: Tick) -> bool {
        matches!(self.stage, Stage::Leased { until, .. } if now < until)
    }

    /// Returns whether this token has the lease, lapsed or not.
    pub(super) fn is_leased_by(&self, token: Token) -> bool {
        self.token == token && matches!(self.stage, Stage::Leased { .. })
    }

    /// Returns how many bytes the record has; `None` until the work is
    /// completed.
    pub(super) fn record_len(&self) -> Option<usize> {
        match &self.stage {
            Stage::Leased { .. } => None,
            Stage::Completed { record, .. } => Some(record.len()),
        }
    }

    /// Decides a claim on work that is known already.
    fn answer(&self, now: Tick, request: &ClaimRequest) -> Claim {
        if self.fingerprint != request.fingerprint {
            return Claim::Mismatch;
        }
        match &self.stage {
            Stage::Completed { record, .. } => Claim::Replay(record.clone()),
            // The reply to the first claim with this token was lost.
            Stage::Leased { attempt, .. } if self.token == request.token => {
                Claim::Run { attempt: *attempt }
            }
            Stage::Leased { until, .. } if now < *until => Claim::Running {
                left: Duration::from_micros(until - now),
            },
            Stage::Leased { attempt, .. } => match request.takeover {
                Takeover::Rerun => Claim::Run {
                    attempt: attempt.saturating_add(1),
                },
                Takeover::Refuse => Claim::Unknown,
            },
        }
    }

    /// Claims the work, and leases it to the claimant if it may run.
    pub fn claim(state: &mut Option<Self>, now: Tick, request: &ClaimRequest) -> Claim {
        drop_expired(state, now);
        let attempt = match state {
            None => 1,
            Some(known) => match known.answer(now, request) {
                Claim::Run { attempt } => attempt,
                refused => return refused,
            },
        };
        *state = Some(Self {
            fingerprint: request.fingerprint,
            token: request.token,
            stage: Stage::Leased {
                until: after(now, request.lease),
                keep: ticks(request.keep),
                attempt,
            },
        });
        Claim::Run { attempt }
    }

    /// Starts the lease of this token anew.
    pub fn renew(
        state: &mut Option<Self>,
        now: Tick,
        token: Token,
        lease: Duration,
    ) -> LeaseStatus {
        drop_expired(state, now);
        match state {
            Some(Self {
                token: holder,
                stage: Stage::Leased { until, .. },
                ..
            }) if *holder == token => {
                *until = after(now, lease);
                LeaseStatus::Held
            }
            _ => LeaseStatus::Lost,
        }
    }

    /// Stores the record for this long. Repeated by the same token, it changes
    /// nothing.
    pub fn complete(
        state: &mut Option<Self>,
        now: Tick,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> LeaseStatus {
        drop_expired(state, now);
        let Some(known) = state.as_mut().filter(|known| known.token == token) else {
            return LeaseStatus::Lost;
        };
        if known.is_leased_by(token) {
            let until = after(now, keep);
            known.stage = Stage::Completed { until, record };
        }
        LeaseStatus::Held
    }

    /// Stores the record as [`complete`](Self::complete) does, also if nothing
    /// is under the name any more: the store lost the state, and no other
    /// holder has begun the work since.
    pub fn restore(
        state: &mut Option<Self>,
        now: Tick,
        (fingerprint, token): (Fingerprint, Token),
        record: Bytes,
        keep: Duration,
    ) -> LeaseStatus {
        drop_expired(state, now);
        if state.is_some() {
            return Self::complete(state, now, token, record, keep);
        }
        let until = after(now, keep);
        *state = Some(Self {
            fingerprint,
            token,
            stage: Stage::Completed { until, record },
        });
        LeaseStatus::Held
    }

    /// Returns to the state before this token's claim, for work that was not
    /// done: absent, or lapsed if a holder before had begun the work.
    pub fn release(state: &mut Option<Self>, now: Tick, token: Token) -> LeaseStatus {
        drop_expired(state, now);
        let Some(known) = state.as_mut().filter(|known| known.is_leased_by(token)) else {
            return LeaseStatus::Lost;
        };
        match &mut known.stage {
            Stage::Leased {
                until,
                attempt: 2..,
                ..
            } => *until = now,
            _ => *state = None,
        }
        LeaseStatus::Held
    }
}

/// Treats an expired state as absent, before anything else is decided.
fn drop_expired(state: &mut Option<State>, now: Tick) {
    state.take_if(|known| known.expires() <= now);
}

/// Returns the instant after this time. It saturates, so that a time too long
/// to count never ends.
fn after(now: Tick, time: Duration) -> Tick {
    now.saturating_add(ticks(time))
}

#[cfg(test)]
#[path = "tests/state.rs"]
mod tests;
