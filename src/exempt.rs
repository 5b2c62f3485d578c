//! The bound on closures that exempt requests from a layer. The layers of
//! `limit`, `deadline`, `red` and `idempotency` share it.

/// Says which requests a layer passes on untouched. Implemented for functions
/// from a request to `bool`, and for `()`, which exempts none.
pub trait Exempt<Req> {
    /// Returns whether the layer passes this request on untouched.
    fn is_exempt(&self, req: &Req) -> bool;
}

impl<Req> Exempt<Req> for () {
    #[inline]
    fn is_exempt(&self, _req: &Req) -> bool {
        false
    }
}

impl<Req, F: Fn(&Req) -> bool> Exempt<Req> for F {
    fn is_exempt(&self, req: &Req) -> bool {
        self(req)
    }
}
