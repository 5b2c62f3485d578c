//! Whether the server drops records to make room.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::ask::Asker;
use crate::redis::{Error, EvictionPolicy};

/// That of the node of any record.
pub(super) async fn policy(asker: &Asker) -> Result<EvictionPolicy, Error> {
    EvictionPolicy::ask(&asker.connection, asker.key("").as_bytes()).await
}

/// Finds out in the background, unless it is known, and warns.
pub(super) fn warn_once(asker: &Arc<Asker>) {
    let Some(task) = asker.eviction.begin() else {
        return;
    };
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        if let Ok(policy) = policy(&asker).await {
            task.done();
            warn(&asker, &policy);
        }
    });
}

fn warn(asker: &Asker, policy: &EvictionPolicy) {
    let Some(policy) = policy.unsafe_name() else {
        return;
    };
    asker.counters.evicting.store(true, Relaxed);
    tracing::warn!(
        target: "sluicegate::idempotency",
        store = &*asker.name,
        policy,
        "redis drops idempotency records when it is full, and their work is done again: \
         set maxmemory-policy to noeviction",
    );
}
