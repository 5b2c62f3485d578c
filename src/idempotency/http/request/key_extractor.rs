//! Which requests have to do with keys.

use std::{fmt, sync::Arc};

use http::Request;

use super::{
    principal::{Principal, PrincipalSource},
    required::Required,
};
use crate::idempotency::{
    http::executor::Works, key::IdempotencyKey, observe::Event, store::Store,
};
use crate::{exempt::Exempt, refusal::Refusal};

/// The settings of a layer that look at requests.
pub(crate) struct Gate<S, W, Q, X> {
    pub(crate) works: Arc<Works<S>>,
    pub(crate) whose: W,
    pub(crate) required: Q,
    pub(crate) exempt: X,
}

/// What is to be done with a request.
pub(crate) enum Passage {
    /// It has nothing to do with keys.
    Free,
    Refuse(Refusal),
    Once(Keyed),
}

/// Whose key a request has, and which.
pub(crate) struct Keyed {
    pub(crate) key: IdempotencyKey,
    /// None if all keys are in one scope.
    pub(crate) principal: Option<String>,
}

impl<S: Store, W, Q, X> Gate<S, W, Q, X> {
    #[inline]
    pub(crate) fn ask<B>(&self, req: &Request<B>) -> Passage
    where
        W: PrincipalSource<Request<B>>,
        Q: Required<Request<B>>,
        X: Exempt<Request<B>>,
    {
        let terms = &self.works.terms;
        if !terms.methods.contains(req.method()) {
            return Passage::Free;
        }
        match req.headers().contains_key(&terms.header) {
            true => self.with_key(req),
            false => self.without_key(req),
        }
    }

    #[inline]
    fn without_key<B>(&self, req: &Request<B>) -> Passage
    where
        Q: Required<Request<B>>,
        X: Exempt<Request<B>>,
    {
        if self.required.is_required(req) && !self.exempt.is_exempt(req) {
            return Passage::Refuse(Refusal::no_idempotency_key());
        }
        self.works.claimant.notice(Event::Passed);
        Passage::Free
    }

    fn with_key<B>(&self, req: &Request<B>) -> Passage
    where
        W: PrincipalSource<Request<B>>,
        X: Exempt<Request<B>>,
    {
        if self.exempt.is_exempt(req) {
            return Passage::Free;
        }
        let terms = &self.works.terms;
        let key = match terms.form.read(req.headers().get_all(&terms.header)) {
            Ok(Some(key)) => key,
            Ok(None) => return Passage::Free,
            Err(error) => return Passage::Refuse(Refusal::bad_idempotency_key(error.into())),
        };
        let principal = match self.whose.whose(req) {
            Principal::One(one) => Some(one),
            Principal::Anybody => None,
            Principal::Nobody => return Passage::Refuse(Refusal::no_principal()),
            Principal::NoPeer => {
                terms.peer_warning.warn(&terms.namespace);
                return Passage::Refuse(Refusal::no_peer());
            }
        };
        Passage::Once(Keyed { key, principal })
    }
}

impl<S: fmt::Debug, W, Q, X> fmt::Debug for Gate<S, W, Q, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("works", &self.works)
            .finish_non_exhaustive()
    }
}
