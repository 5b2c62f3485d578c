//! Decides whether a request has to do with keys, and reads its key. The first
//! step of [`Idempotency`](crate::idempotency::Idempotency).
//!
//! It reads the head of the request only, and never waits. A request without a
//! key costs a look at the method and one header.

use std::sync::Arc;

use http::Request;

use super::{principal::PrincipalSource, request_key::RequestKey};
use crate::{
    exempt::Exempt,
    idempotency::{http::executor::Executor, observe::Event, store::Store},
    key::Absence,
    refusal::{Reason, Refusal},
};

/// The executor, and the settings that look at requests. A layer and all its
/// services share one.
///
/// Apart from the cache line of its reference count, which all threads write:
/// each request reads this, and a router clones the service for each.
#[repr(align(64))]
#[derive(Clone)]
pub(crate) struct KeyExtractor<S, W, Q, X> {
    /// In an `Arc` of its own, because work that goes on in a task has it too.
    pub(crate) executor: Arc<Executor<S>>,
    /// How keys are scoped.
    pub(crate) principal: W,
    /// Which requests need a key.
    pub(crate) required: Q,
    /// Which requests pass although they have a key.
    pub(crate) exempt: X,
}

/// The treatment of a request.
pub(crate) enum KeyDecision {
    /// Call the inner service as if the layer were not there.
    Pass,
    /// Answer with this refusal.
    Refuse(Refusal),
    /// Do its work once.
    Execute(RequestKey),
}

/// Decides which requests need a key, of those with a method that may have one.
///
/// It is public only because it is a bound of public types.
pub trait Required<Req> {
    /// Returns whether to refuse this request, which has no key.
    fn is_required(&self, req: &Req) -> bool;
}

/// No request needs a key.
impl<Req> Required<Req> for () {
    #[inline]
    fn is_required(&self, _req: &Req) -> bool {
        false
    }
}

/// All requests need a key.
#[derive(Clone, Copy, Debug)]
pub struct Always;

impl<Req> Required<Req> for Always {
    #[inline]
    fn is_required(&self, _req: &Req) -> bool {
        true
    }
}

impl<Req, F: Fn(&Req) -> bool> Required<Req> for F {
    fn is_required(&self, req: &Req) -> bool {
        self(req)
    }
}

impl<S: Store, W, Q, X> KeyExtractor<S, W, Q, X> {
    /// Returns whether the request passes because it has nothing to do with
    /// keys, and reports it if it could have had one. For all others, see
    /// [`extract`](Self::extract).
    #[inline]
    pub(crate) fn passes<B>(&self, req: &Request<B>) -> bool
    where
        Q: Required<Request<B>>,
        X: Exempt<Request<B>>,
    {
        if !self.executor.settings.methods.contains(req.method()) {
            return true;
        }
        if self.has_key(req) || (self.required.is_required(req) && !self.exempt.is_exempt(req)) {
            return false;
        }
        self.executor.claimant.notice(Event::Passed);
        true
    }

    /// Returns whether the request has the header. Names are compared, because
    /// most are not as long, and to look one up costs its hash.
    #[inline]
    fn has_key<B>(&self, req: &Request<B>) -> bool {
        let wanted = &self.executor.settings.header;
        req.headers().keys().any(|name| name == wanted)
    }

    /// Reads the key of a request that does not just [pass](Self::passes).
    pub(crate) fn extract<B>(&self, req: &Request<B>) -> KeyDecision
    where
        W: PrincipalSource<Request<B>>,
        X: Exempt<Request<B>>,
    {
        if !self.has_key(req) {
            return KeyDecision::Refuse(Refusal::because(Reason::NoIdempotencyKey));
        }
        if self.exempt.is_exempt(req) {
            return KeyDecision::Pass;
        }
        match self.request_key(req) {
            Ok(Some(request_key)) => KeyDecision::Execute(request_key),
            Ok(None) => KeyDecision::Pass,
            Err(refusal) => KeyDecision::Refuse(refusal),
        }
    }

    /// Reads the key and its owner; `None` if there is no key. The order of the
    /// checks is that of the refusals in the module docs: a malformed key is
    /// reported before a missing principal.
    fn request_key<B>(&self, req: &Request<B>) -> Result<Option<RequestKey>, Refusal>
    where
        W: PrincipalSource<Request<B>>,
    {
        let settings = &self.executor.settings;
        let key = settings.form.read(req.headers().get_all(&settings.header));
        let key =
            key.map_err(|error| Refusal::from_error(Reason::BadIdempotencyKey, error.into()))?;
        let Some(key) = key else {
            return Ok(None);
        };
        let principal = self.principal.principal(req);
        let principal = principal.map_err(|absence| self.no_principal(absence))?;
        Ok(Some(RequestKey { key, principal }))
    }

    /// Returns the refusal of a request without a principal. If the transport
    /// does not tell the client's address, it also warns, once.
    fn no_principal(&self, absence: Absence) -> Refusal {
        let settings = &self.executor.settings;
        if absence != Absence::NoPeer {
            return Refusal::because(Reason::NoPrincipal);
        }
        settings.peer_warning.warn(&settings.identity.namespace);
        Refusal::because(Reason::NoPeer)
    }
}
