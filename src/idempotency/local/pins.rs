//! Leases that do not lapse, because their holders are in this process.

use std::time::Duration;

use super::shard::{Shard, Short, short};
use crate::{
    clock::{Tick, ticks},
    idempotency::{
        scope::Name,
        state::{Stage, State},
        token::Token,
    },
};

impl Shard {
    /// Keeps a lease of this token from lapsing; whether there is one.
    pub(super) fn pin(&mut self, name: Name, token: Token, lease: Duration) -> bool {
        let is_held = self.is_leased_by(name, token);
        if is_held {
            self.pinned.insert(short(name), ticks(lease));
        }
        is_held
    }

    /// Lets it lapse: its last time begins now.
    pub(super) fn unpin(&mut self, name: Name, token: Token, now: Tick) {
        if self.is_leased_by(name, token) {
            self.renew_pinned(short(name), now);
            self.pinned.remove(&short(name));
        }
    }

    /// Its holder has said how the work ended.
    pub(super) fn let_go(&mut self, name: Name) {
        self.pinned.remove(&short(name));
    }

    /// A lease that is pinned begins anew whenever somebody looks at it.
    pub(super) fn look_at(&mut self, name: Name, now: Tick) {
        self.renew_pinned(short(name), now);
    }

    /// Whether it is pinned, and so renewed.
    pub(super) fn renew_pinned(&mut self, name: Short, now: Tick) -> bool {
        let Some(&lease) = self.pinned.get(&name) else {
            return false;
        };
        self.update(name, |state| {
            if let Some(State {
                stage: Stage::Leased { until, .. },
                ..
            }) = state
            {
                *until = now.saturating_add(lease);
            }
        });
        true
    }

    fn is_leased_by(&self, name: Name, token: Token) -> bool {
        self.state(name)
            .is_some_and(|state| state.is_leased_by(token))
    }
}
