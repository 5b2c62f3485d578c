//! The owners of keys: whether they were set at all, and how they are read from
//! a request.

use http::Request;

use crate::key::{Absence, EncodedKey, Key, KeyExt, Or, StoreKey};

/// Reads the owner of a request's key. Made by
/// [`principal`](super::super::IdempotencyLayer::principal) and
/// [`global_scope`](super::super::IdempotencyLayer::global_scope).
///
/// It is public only because it is a bound of public types.
pub trait PrincipalSource<Req> {
    /// Reads the client that owns this request's key; `None` if all clients
    /// share one scope.
    ///
    /// # Errors
    ///
    /// Says why the request has no owner.
    fn principal(&self, req: &Req) -> Result<Option<String>, Absence>;
}

/// Marks a layer whose keys have a scope. Only such a layer can be used.
///
/// It is public only because it is a bound of public types.
#[diagnostic::on_unimplemented(
    message = "the idempotency keys of this layer have no scope",
    label = "a client that guesses a key would get the response of another client",
    note = "call `.principal(key::header(\"x-api-key\"))`, or another key that a client cannot \
            choose, or `.global_scope()` if all clients may share responses"
)]
pub trait Scoped {}

/// The keys of a layer have no scope yet.
#[derive(Clone, Copy, Debug)]
pub struct Unscoped;

/// All keys are in one scope, whichever client sends them.
#[derive(Clone, Copy, Debug)]
pub struct GlobalScope;

/// Each client has its own keys; `K` reads the client from a request.
#[derive(Clone, Copy, Debug)]
pub struct ByKey<K>(pub(crate) K);

impl Scoped for GlobalScope {}

impl<K> Scoped for ByKey<K> {}

/// Every request is in the same scope.
impl<Req> PrincipalSource<Req> for GlobalScope {
    fn principal(&self, _req: &Req) -> Result<Option<String>, Absence> {
        Ok(None)
    }
}

/// The principal is the key in its written form and not its hash, because it
/// becomes part of a name that outlives the process, and two keys may share a
/// hash.
impl<B, K> PrincipalSource<Request<B>> for ByKey<K>
where
    B: 'static,
    K: Key<Request<B>> + 'static,
    for<'a> K::Key<'a>: StoreKey,
{
    fn principal(&self, req: &Request<B>) -> Result<Option<String>, Absence> {
        match self.0.key(req) {
            Some(key) => Ok(Some(EncodedKey::of(&key).to_string())),
            None => Err(self.0.absence(req)),
        }
    }
}

impl<K> ByKey<K> {
    /// Uses another key for requests that do not have this one.
    pub(crate) fn or<K2>(self, other: K2) -> ByKey<Or<K, K2>> {
        ByKey(self.0.or(other))
    }
}
