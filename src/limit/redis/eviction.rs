//! Whether the server drops buckets to make room. A limiter finds out after the
//! first answer, and warns.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{ask::Bucket, shared::Shared};
use crate::{limit::script::Scripted, redis::eviction::Policy};

impl<R: Scripted> Shared<R> {
    /// Finds out in the background, unless it is known.
    pub(super) fn look_at_eviction(self: &Arc<Self>, bucket: &Bucket) {
        if !self.eviction.begin() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return self.eviction.fail();
        };
        let (shared, name) = (Arc::clone(self), bucket.name.clone());
        runtime.spawn(async move {
            match Policy::ask_aside(&shared.connection, &name).await {
                Ok(policy) => shared.warn_of_eviction(&policy),
                Err(_) => shared.eviction.fail(),
            }
        });
    }

    fn warn_of_eviction(&self, policy: &Policy) {
        if let Some(policy) = policy.unsafe_name() {
            self.log.evicts(&self.name, policy);
        }
    }
}
