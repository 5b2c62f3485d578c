//! The budget that a fleet shares in Redis.
//!
//! The server decides by its own clock, with `lua/retry_budget.lua`, the twin of
//! `window`.

use std::{
    future::ready,
    sync::{Arc, LazyLock},
    time::Duration,
};

use ::redis::{Cmd, Value};
use tokio::time::{Instant, timeout_at};

use super::{
    asking::{Asking, FleetAnswer},
    window::{BudgetRule, SLOTS},
};
use crate::{
    clock::{Tick, ticks},
    key::EncodedKey,
    redis::{Connection, Error, Lane, Script},
    sync::{Mutex, lock},
};

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("../../../../lua/clock.lua"),
        include_str!("../../../../lua/prelude.lua"),
        include_str!("../../../../lua/retry_budget.lua"),
    ))
});

/// The budget of a fleet, as one process sees it.
pub(super) struct Fleet {
    rule: BudgetRule,
    /// The length of a slot.
    slot: Tick,
    connection: Connection,
    key: String,
    /// Until when it is not asked, after a denial.
    denied_until: Mutex<Option<Instant>>,
}

impl Fleet {
    pub(super) fn new(
        rule: BudgetRule,
        window: Duration,
        name: &str,
        connection: &Connection,
    ) -> Self {
        let connection = connection.on(Lane::Limits);
        let (prefix, name) = (connection.prefix(), EncodedKey::of(name));
        Self {
            rule,
            slot: ticks(window) / SLOTS,
            key: format!("{prefix}:{{{name}}}:retries"),
            connection,
            denied_until: Mutex::default(),
        }
    }

    /// Asks for a retry, until `end` at most, and tells of the requests that
    /// `take_requests` returns by their age in slots. After a denial it takes
    /// none, because a request that is taken and not told is lost to the fleet.
    pub(super) fn ask(
        self: Arc<Self>,
        take_requests: impl FnOnce() -> Vec<(u64, u64)>,
        end: Option<Instant>,
    ) -> Asking {
        if self.is_denied() {
            return Box::pin(ready(FleetAnswer::Denied));
        }
        let call = self.call(&take_requests());
        Box::pin(async move {
            let reply = self.connection.run(&SCRIPT, call);
            let answer = match end {
                Some(end) => timeout_at(end, reply)
                    .await
                    .map_or(FleetAnswer::Unavailable, read),
                None => read(reply.await),
            };
            if answer == FleetAnswer::Denied {
                let pause = Duration::from_micros(self.slot);
                *lock(&self.denied_until) = Some(Instant::now() + pause);
            }
            answer
        })
    }

    fn is_denied(&self) -> bool {
        let until = *lock(&self.denied_until);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn call(&self, requests: &[(u64, u64)]) -> Cmd {
        let mut call = SCRIPT.call_at([&self.key].into_iter(), None);
        let BudgetRule {
            percent,
            minimum,
            reserve,
        } = self.rule;
        call.arg(percent).arg(minimum).arg(reserve).arg(self.slot);
        for (age, count) in requests {
            call.arg(age).arg(count);
        }
        call
    }
}

/// Reads a list of 1 for a retry that is admitted, and of 0 for one that is
/// denied.
fn read(reply: Result<Value, Error>) -> FleetAnswer {
    let values = match reply {
        Ok(Value::Array(values)) => values,
        _ => return FleetAnswer::Unavailable,
    };
    match values[..] {
        [Value::Int(1)] => FleetAnswer::Admitted,
        [Value::Int(0)] => FleetAnswer::Denied,
        _ => FleetAnswer::Unavailable,
    }
}
