//! Which requests need a key.

/// Says which requests need a key, of those that may have one.
pub trait Required<Req> {
    /// Whether this request, which has none, is refused.
    fn is_required(&self, req: &Req) -> bool;
}

/// None does.
impl<Req> Required<Req> for () {
    #[inline]
    fn is_required(&self, _req: &Req) -> bool {
        false
    }
}

/// All do.
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
