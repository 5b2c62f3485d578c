//! The key of one request, as `key_extractor` found it and the rest of the
//! layer uses it.

use crate::idempotency::key::IdempotencyKey;

/// A request's key and its owner.
pub(crate) struct RequestKey {
    pub(crate) key: IdempotencyKey,
    /// The client that owns the key; `None` if all keys are in one scope.
    pub(crate) principal: Option<String>,
}
