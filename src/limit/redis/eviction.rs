//! Whether the server drops buckets to make room. A limiter finds out after the
//! first answer, and warns.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{client::Shared, request::Bucket};
use crate::{limit::rules::script::Scripted, redis::EvictionPolicy};

impl<R: Scripted> Shared<R> {
    /// Finds out in the background, unless it is known.
    pub(super) fn look_at_eviction(self: &Arc<Self>, bucket: &Bucket) {
        let Some(task) = self.eviction.begin() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (shared, name) = (Arc::clone(self), bucket.name.clone());
        runtime.spawn(async move {
            if let Ok(policy) = EvictionPolicy::ask_uncounted(&shared.connection, &name).await {
                task.done();
                shared.warn_of_eviction(&policy);
            }
        });
    }

    fn warn_of_eviction(&self, policy: &EvictionPolicy) {
        if let Some(policy) = policy.unsafe_name() {
            self.log.evicts(&self.name, policy);
        }
    }
}
