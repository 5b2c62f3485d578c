//! Whose keys they are.

use http::Request;

use crate::key::{Absence, EncodedKey, Key, KeyExt, Or, StoreKey};

/// Whose a request's key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// That of one among others, who is written so.
    One(String),
    /// That of whoever asks: all keys are in one scope.
    Anybody,
    /// It is not known.
    Nobody,
    /// It goes by the client's address, which the transport has not told.
    NoPeer,
}

/// Says whose a request's key is. Made by
/// [`principal`](crate::idempotency::IdempotencyLayer::principal) and
/// [`global_scope`](crate::idempotency::IdempotencyLayer::global_scope).
pub trait PrincipalSource<Req> {
    /// Whose key this request has.
    fn whose(&self, req: &Req) -> Principal;
}

/// That it was said whose keys they are, without which a layer is none.
#[diagnostic::on_unimplemented(
    message = "it was not said whose idempotency keys they are",
    label = "this layer would show one client's answers to another who guesses the key",
    note = "say by `.principal(key::header(\"x-api-key\"))` or the like whose a request's key \
            is, or by `.global_scope()` that all clients are one"
)]
pub trait Scoped {}

/// It was not said.
#[derive(Clone, Copy, Debug)]
pub struct Unscoped;

/// All keys are in one scope.
#[derive(Clone, Copy, Debug)]
pub struct GlobalScope;

/// Each has keys of his own, by what this reads from a request.
#[derive(Clone, Copy, Debug)]
pub struct ByKey<K>(pub(crate) K);

impl Scoped for GlobalScope {}

impl<K> Scoped for ByKey<K> {}

impl<Req> PrincipalSource<Req> for GlobalScope {
    fn whose(&self, _req: &Req) -> Principal {
        Principal::Anybody
    }
}

impl<B, K> PrincipalSource<Request<B>> for ByKey<K>
where
    B: 'static,
    K: Key<Request<B>> + 'static,
    for<'a> K::Key<'a>: StoreKey,
{
    fn whose(&self, req: &Request<B>) -> Principal {
        match self.0.key(req) {
            Some(key) => Principal::One(EncodedKey::of(&key).to_string()),
            None => match self.0.absence(req) {
                Absence::NoPeer => Principal::NoPeer,
                _ => Principal::Nobody,
            },
        }
    }
}

impl<K> ByKey<K> {
    pub(crate) fn or<K2>(self, other: K2) -> ByKey<Or<K, K2>> {
        ByKey(self.0.or(other))
    }
}
