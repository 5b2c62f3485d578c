//! The registry's operations in Redis.

use std::{sync::Arc, time::Duration};

use super::{clock_fallback::ClockFallback, listen::Cancellations, script::RegistryScript};
use crate::{
    clock::ticks,
    deadline::registry::{
        error::Error,
        holders::{HolderGuard, Holders},
        id::{Id, Issued},
        remaining::Remaining,
    },
    redis::Connection,
};

/// The longest budget, 30 years in microseconds. Added to the present, it is
/// still a whole number in Lua.
const MAX_BUDGET: u64 = 30 * 365 * 86_400 * 1_000_000;

/// A registry in Redis, and its holders in this process.
pub(crate) struct Redis {
    pub(crate) script: Arc<RegistryScript>,
    pub(crate) fallback: ClockFallback,
    pub(crate) holders: Arc<Holders>,
    /// How long a record outlives its deadline, in microseconds.
    grace: u64,
}

impl Redis {
    pub(crate) fn new(
        name: &str,
        connection: &Connection,
        grace: Duration,
        skew: Option<Duration>,
    ) -> Self {
        Self {
            script: Arc::new(RegistryScript::new(name, connection)),
            fallback: ClockFallback::new(skew),
            holders: Arc::default(),
            grace: ticks(grace),
        }
    }

    /// Registers a deadline; without Redis, by the fallback.
    pub(crate) async fn register(&self, id: Id, budget: Duration) -> Result<Id, Error> {
        let budget = ticks(budget).min(MAX_BUDGET);
        let mut call = self.script.call([id.path().as_ref()], "register");
        call.arg(budget).arg(self.grace);
        match self.script.run_one(call).await {
            // It was registered, but it had no time at all.
            Ok((now, Remaining::Expired)) if budget == 0 => Ok(id.with_issued(recorded(now, 0))),
            Ok((now, remaining)) => {
                let left = ticks(remaining.left()?);
                Ok(id.with_issued(recorded(now, left)))
            }
            Err(error) => self.fallback.register(id, budget, error.into()),
        }
    }

    /// Registers a child. A parent that has no record, because Redis was
    /// unavailable when it was issued, counts by what its id carries.
    pub(crate) async fn derive(&self, parent: &Id, child: Id, cap: Duration) -> Result<Id, Error> {
        let cap = ticks(cap).min(MAX_BUDGET);
        let mut call = self.script.call(child.chain(), "derive");
        call.arg(cap).arg(self.grace);
        let error = match self.script.run_one(call).await {
            Ok((_, Remaining::Unknown)) if !parent.is_recorded() => Error::Unknown,
            Ok((now, remaining)) => {
                let left = ticks(remaining.left()?);
                return Ok(child.with_issued(recorded(now, left)));
            }
            Err(error) => error.into(),
        };
        self.fallback.derive(parent, child, cap, error)
    }

    /// Returns the state; without Redis or without a record, by the fallback.
    pub(crate) async fn remaining(&self, id: &Id) -> Result<Remaining, Error> {
        let mut call = self.script.call(id.chain(), "remaining");
        call.arg(id.chain().count());
        match self.script.run_one(call).await {
            Ok((_, Remaining::Unknown)) if !id.is_recorded() => {
                self.fallback.remaining(id, Ok(Remaining::Unknown))
            }
            Ok((_, remaining)) => Ok(remaining),
            Err(error) => self.fallback.remaining(id, Err(error.into())),
        }
    }

    /// Cancels a deadline and publishes that; returns the state before.
    pub(crate) async fn cancel(&self, id: &Id, reason: &Arc<str>) -> Result<Remaining, Error> {
        let mut call = self.script.call(id.chain(), "cancel");
        call.arg(self.grace).arg(&**reason);
        call.arg(self.script.channel());
        call.arg(format!("{} {reason}", id.path()));
        let (_, before) = self.script.run_one(call).await?;
        if let Remaining::Left(_) | Remaining::Unknown = before {
            // Holders in this process need not wait for the message.
            self.holders.tell(id.path(), reason);
        }
        Ok(before)
    }

    /// Adds a holder, and starts to listen for cancellations.
    pub(crate) fn hold(&self, id: &Id) -> HolderGuard {
        let listener = &self.holders.listener;
        listener.start(|| Cancellations::new(&self.script, &self.holders));
        self.holders.hold(id)
    }
}

/// Returns what an id carries whose record Redis has confirmed.
fn recorded(at: u64, budget: u64) -> Issued {
    Issued {
        at,
        budget,
        is_recorded: true,
    }
}
