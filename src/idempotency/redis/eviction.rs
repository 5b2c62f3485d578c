//! Whether the server drops records to make room.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::ask::Asker;
use crate::idempotency::store::StoreError;

/// The only policy with which a server that is full keeps what it has.
const SAFE: &str = "noeviction";

pub(super) async fn policy(asker: &Asker) -> Result<Option<String>, StoreError> {
    // Any record's node will do, and there is none of this name.
    let call = || asker.call_for("", "eviction");
    asker.ask(call).await?.policy()
}

/// Finds out in the background, unless it is known, and warns.
pub(super) fn warn_once(asker: &Arc<Asker>) {
    if asker.warned.load(Relaxed) || asker.warned.swap(true, Relaxed) {
        return;
    }
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        match policy(&asker).await {
            Ok(policy) => warn(&asker, policy.as_deref()),
            // The next claim finds out.
            Err(_) => asker.warned.store(false, Relaxed),
        }
    });
}

fn warn(asker: &Asker, policy: Option<&str>) {
    let store = &*asker.name;
    match policy {
        Some(SAFE) => {}
        Some(policy) => {
            asker.counters.evicting.store(true, Relaxed);
            tracing::warn!(
                target: "sluicegate::idempotency",
                store,
                policy,
                "redis drops idempotency records when it is full, and their work is done \
                 again: set maxmemory-policy to noeviction",
            );
        }
        None => tracing::debug!(
            target: "sluicegate::idempotency",
            store,
            "it cannot be told whether redis drops idempotency records when it is full",
        ),
    }
}
