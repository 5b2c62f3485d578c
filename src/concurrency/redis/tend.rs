//! The task that keeps the lease of one limit: it asks for permits, renews
//! them and gives them back.
//!
//! It runs in the background, because a lease outlives the runtime of the
//! request that needed it. It keeps the limit alive, so that what requests
//! still use stays leased when the limiter is gone.

use std::{
    pin::pin,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::timeout;

use super::{
    keys::LeasedKeys,
    leased_limit::LeasedLimit,
    script::{LeaseResult, Want},
};
use crate::clock::Tick;

/// Keeps the lease of a limit as long as it is needed. `keys` has the limit, if
/// it is one of several.
pub(super) async fn tend(limit: Arc<LeasedLimit>, keys: Option<Weak<LeasedKeys>>) {
    loop {
        let now = limit.shared.now();
        limit.end_lease(now);
        if let Some(want) = limit.plan(now) {
            let result = call(&limit, want).await;
            limit.settle(now, want, result);
            continue;
        }
        // Permits may have come back, so that there is nothing to ask for.
        limit.answered.notify_waiters();
        if has_ended(&limit, keys.as_ref(), now) {
            return;
        }
        let pause = match limit.is_idle(now) && !limit.is_lost() {
            true => Tick::MAX,
            false => limit.next(now),
        };
        rest(&limit, pause.saturating_sub(now)).await;
    }
}

/// Makes a call. A lease that ends meanwhile ends here in time, too.
async fn call(limit: &Arc<LeasedLimit>, want: Want) -> LeaseResult {
    let mut result = pin!(limit.shared.outbox.send(&limit.key, want));
    loop {
        let now = limit.shared.now();
        limit.end_lease(now);
        let end = Duration::from_micros(limit.next_end(now).saturating_sub(now));
        if let Ok(result) = timeout(end, &mut result).await {
            return result;
        }
    }
}

/// Waits for so many ticks, or until a request needs a permit.
async fn rest(limit: &LeasedLimit, ticks: Tick) {
    let pause = Duration::from_micros(ticks);
    _ = timeout(pause, limit.wake.notified()).await;
}

/// Returns whether the limit is not needed any more, and takes it out of its
/// table.
fn has_ended(limit: &Arc<LeasedLimit>, keys: Option<&Weak<LeasedKeys>>, now: Tick) -> bool {
    if limit.shared.is_closed() {
        return limit.gate.is_idle() && (limit.leased() == 0 || limit.is_lost());
    }
    let keys = keys.and_then(Weak::upgrade);
    keys.is_some_and(|keys| keys.remove_if_idle(limit, now))
}
