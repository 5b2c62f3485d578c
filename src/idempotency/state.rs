//! The rule that all stores go by: what a record may become.
//!
//! | | absent | leased, by this token | leased, by another | lapsed | completed |
//! |---|---|---|---|---|---|
//! | [`claim`] | leased: run | leased anew: run | running | leased: run, recovered; or unknown | replay |
//! | [`renew`] | lost | leased anew | lost | as while leased | lost |
//! | [`complete`] | lost | completed | lost | as while leased | kept if by this token, else lost |
//! | [`restore`] | completed | completed | lost | as while leased | kept if by this token, else lost |
//! | [`release`] | lost | absent; lapsed if recovered | lost | as while leased | lost |
//!
//! A claim with another fingerprint is a mismatch before it is anything else, and
//! changes nothing. A lease that has lapsed and that nobody took over is still its
//! holder's. Tokens never repeat, so that none has to be remembered. Work whose record
//! a store has lost is [restored](restore) once its [completion](complete) finds that out.
//!
//! Here is no clock and no state: a store reads its clock once, hands in what it
//! has under the name, and keeps what that became. What
//! [is forgotten](State::forgotten) is absent.

use std::time::Duration;

use bytes::Bytes;

use super::{
    claim::{Claim, ClaimRequest, LeaseStatus, Takeover},
    fingerprint::Fingerprint,
    token::Token,
};
use crate::clock::{Tick, ticks};

/// What a store has under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What the work is.
    pub fingerprint: Fingerprint,
    /// Who does it, or did it.
    pub token: Token,
    /// How far it has come.
    pub stage: Stage,
}

/// How far work has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was begun.
    Leased {
        /// When the lease lapses.
        until: Tick,
        /// For how many ticks after that it is remembered.
        keep: Tick,
        /// How often it was begun: above 1 if others had begun it before.
        attempt: u32,
    },
    /// It is done.
    Completed {
        /// When it is forgotten.
        until: Tick,
        /// What is kept of it.
        record: Bytes,
    },
}

impl State {
    /// When it is as if it had never been.
    pub fn forgotten(&self) -> Tick {
        match self.stage {
            Stage::Leased { until, keep, .. } => until.saturating_add(keep),
            Stage::Completed { until, .. } => until,
        }
    }

    /// Whether it is leased, and the lease has not lapsed.
    pub fn is_running(&self, now: Tick) -> bool {
        matches!(self.stage, Stage::Leased { until, .. } if now < until)
    }

    /// Whether it is leased, lapsed or not, by this token.
    pub(super) fn is_leased_by(&self, token: Token) -> bool {
        self.token == token && matches!(self.stage, Stage::Leased { .. })
    }

    fn leased(request: &ClaimRequest, now: Tick, attempt: u32) -> Self {
        Self {
            fingerprint: request.fingerprint,
            token: request.token,
            stage: Stage::Leased {
                until: after(now, request.lease),
                keep: ticks(request.keep),
                attempt,
            },
        }
    }
}

/// Claims the work for a claimant.
pub fn claim(state: &mut Option<State>, now: Tick, request: &ClaimRequest) -> Claim {
    forget(state, now);
    let attempt = match state {
        None => 1,
        Some(known) => match known.answer(now, request) {
            Claim::Run { attempt } => attempt,
            refused => return refused,
        },
    };
    *state = Some(State::leased(request, now, attempt));
    Claim::Run { attempt }
}

impl State {
    fn answer(&self, now: Tick, request: &ClaimRequest) -> Claim {
        if self.fingerprint != request.fingerprint {
            return Claim::Mismatch;
        }
        match &self.stage {
            Stage::Completed { record, .. } => Claim::Replay(record.clone()),
            // The answer to its first claim was lost.
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
}

/// Lets the lease begin anew.
pub fn renew(state: &mut Option<State>, now: Tick, token: Token, lease: Duration) -> LeaseStatus {
    forget(state, now);
    match state {
        Some(State {
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

/// Keeps the record for this long. Said twice by the same token, it is done once.
pub fn complete(
    state: &mut Option<State>,
    now: Tick,
    token: Token,
    record: Bytes,
    keep: Duration,
) -> LeaseStatus {
    forget(state, now);
    let Some(known) = state.as_mut().filter(|known| known.token == token) else {
        return LeaseStatus::Lost;
    };
    if known.is_leased_by(token) {
        let until = after(now, keep);
        known.stage = Stage::Completed { until, record };
    }
    LeaseStatus::Held
}

/// Keeps the record as [`complete`] does, also where nothing is under the name any
/// more: the store has lost what was there, and nobody has begun the work anew.
pub fn restore(
    state: &mut Option<State>,
    now: Tick,
    (fingerprint, token): (Fingerprint, Token),
    record: Bytes,
    keep: Duration,
) -> LeaseStatus {
    forget(state, now);
    if state.is_some() {
        return complete(state, now, token, record, keep);
    }
    let until = after(now, keep);
    *state = Some(State {
        fingerprint,
        token,
        stage: Stage::Completed { until, record },
    });
    LeaseStatus::Held
}

/// Makes it as before this token's claim, for work that was not done: as if nobody
/// had claimed it, or where another had begun it, of unknown outcome again.
pub fn release(state: &mut Option<State>, now: Tick, token: Token) -> LeaseStatus {
    forget(state, now);
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

fn forget(state: &mut Option<State>, now: Tick) {
    state.take_if(|known| known.forgotten() <= now);
}

fn after(now: Tick, time: Duration) -> Tick {
    now.saturating_add(ticks(time))
}

#[cfg(test)]
#[path = "tests/state.rs"]
mod tests;
