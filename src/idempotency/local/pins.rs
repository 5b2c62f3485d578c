//! Leases that do not lapse while their guards in this process are alive.
//!
//! A guard renews nothing here: its lease is pinned instead, and each look at
//! the state finds it as if it had just been renewed.

use std::time::Duration;

use super::shard::{Shard, ShortName, short};
use crate::{
    clock::{Tick, ticks},
    idempotency::{
        scope::Name,
        state::{Stage, State},
        token::Token,
    },
};

impl Shard {
    /// Keeps the lease of this token from lapsing; returns whether there is
    /// one.
    ///
    /// The length of the lease is kept, because each look at the state starts
    /// the lease anew.
    pub(super) fn pin(&mut self, name: Name, token: Token, lease: Duration) -> bool {
        let is_held = self.is_leased_by(name, token);
        if is_held {
            // At least a tick, so that a lease that was started anew has not
            // expired again.
            self.pinned.insert(short(name), ticks(lease).max(1));
        }
        is_held
    }

    /// Lets the lease lapse, a full lease from now.
    pub(super) fn unpin(&mut self, name: Name, token: Token, now: Tick) {
        if self.is_leased_by(name, token) {
            // A last renewal, because the pin may have been looked at long ago.
            self.renew_pinned(short(name), now);
            self.pinned.remove(&short(name));
        }
    }

    /// Forgets the pin of a lease that was released.
    pub(super) fn drop_pin(&mut self, name: Name) {
        self.pinned.remove(&short(name));
    }

    /// Starts a pinned lease anew; returns whether it is pinned. It has to be
    /// called before each look at the state, because no timer renews pinned
    /// leases.
    pub(super) fn renew_pinned(&mut self, name: ShortName, now: Tick) -> bool {
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

    /// Returns whether this token has the lease.
    fn is_leased_by(&self, name: Name, token: Token) -> bool {
        self.state(name)
            .is_some_and(|state| state.is_leased_by(token))
    }
}
