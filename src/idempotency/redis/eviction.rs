//! Finds out once whether the server evicts records when it is full, and warns.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::client::RecordClient;
use crate::redis::{Error, EvictionPolicy};

/// Asks the node of an arbitrary record for its policy.
pub(super) async fn policy(client: &RecordClient) -> Result<EvictionPolicy, Error> {
    EvictionPolicy::ask(&client.connection, client.key("").as_bytes()).await
}

/// Finds out in the background, unless the policy is known, and warns.
///
/// The first claim that Redis answers starts it.
pub(super) fn warn_once(client: &Arc<RecordClient>) {
    let Some(duty) = client.eviction.begin() else {
        return;
    };
    let client = Arc::clone(client);
    tokio::spawn(async move {
        if let Ok(policy) = policy(&client).await {
            duty.done();
            warn(&client, &policy);
        }
    });
}

/// Logs a warning if the policy evicts records.
fn warn(client: &RecordClient, policy: &EvictionPolicy) {
    let Some(policy) = policy.unsafe_name() else {
        return;
    };
    client.counters.evicting.store(true, Relaxed);
    tracing::warn!(
        target: "sluicegate::idempotency",
        store = &*client.name,
        policy,
        "redis evicts idempotency records when it is full, and their work is done again: \
         set maxmemory-policy to noeviction",
    );
}
