//! The level of a request: from a header, or from a closure.

use http::{HeaderName, Request};

use crate::criticality::Criticality;

/// Finds the level of a request. Implemented by the sources that
/// [`Priority`](super::Priority) makes.
///
/// It is public only because it is a bound of public types.
pub trait FindLevel<Req> {
    /// Returns the level. `default` is that of a request without one.
    fn level(&self, req: &Req, default: Criticality) -> Criticality;
}

/// Says which callers may raise the level of their requests. Implemented for
/// functions from a request to `bool`, and for `()`, which trusts none.
///
/// It is public only because it is a bound of public types.
pub trait Trusts<Req> {
    /// Returns whether the caller of this request may raise its level.
    fn is_trusted(&self, req: &Req) -> bool;
}

impl<Req> Trusts<Req> for () {
    fn is_trusted(&self, _req: &Req) -> bool {
        false
    }
}

impl<Req, F: Fn(&Req) -> bool> Trusts<Req> for F {
    fn is_trusted(&self, req: &Req) -> bool {
        self(req)
    }
}

/// The level that a header says, which strangers may only lower; made by
/// [`Priority::header`](super::Priority::header).
#[derive(Clone, Debug)]
pub struct FromHeader<T = ()> {
    pub(super) name: HeaderName,
    pub(super) trust: T,
}

impl<B, T: Trusts<Request<B>>> FindLevel<Request<B>> for FromHeader<T> {
    fn level(&self, req: &Request<B>, default: Criticality) -> Criticality {
        let set = req.extensions().get().copied();
        let default = set.unwrap_or(default);
        match Criticality::read_from(req.headers(), &self.name) {
            None => default,
            Some(level) if level <= default || self.trust.is_trusted(req) => level,
            Some(_) => default,
        }
    }
}

/// The level that a closure returns; made by
/// [`Priority::by`](super::Priority::by).
#[derive(Clone, Copy, Debug)]
pub struct ByClosure<F>(pub(super) F);

impl<Req, F: Fn(&Req) -> Criticality> FindLevel<Req> for ByClosure<F> {
    fn level(&self, req: &Req, _default: Criticality) -> Criticality {
        (self.0)(req)
    }
}
