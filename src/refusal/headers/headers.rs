//! The setting that chooses the fields.

/// Which quota headers responses carry, admitted and refused alike.
///
/// # The IETF fields
///
/// In the shape of draft-ietf-httpapi-ratelimit-headers-10:
///
/// ```text
/// RateLimit-Policy: "default";q=20;w=2
/// RateLimit: "default";r=9;t=1
/// ```
///
/// | parameter | means | rounded |
/// |---|---|---|
/// | `q` | how much a client can take at once; the limit of a window | |
/// | `w` | the seconds until all of it is back; the width of a window | up |
/// | `r` | how much is left | |
/// | `t` | the seconds until there is more | up |
///
/// `t` is missing while nothing has been taken. It is also missing if a refusal
/// has a `Retry-After` that is sooner, as with a queue: there the request
/// passes before the client can take more at once.
///
/// Both fields are lists. They have a member for each limit of an
/// [`All`](crate::limit::All), first the one that decided, and a member for each
/// limit of nested layers. Two limits with the same name share a member: that
/// of the limit that refused, or else of the tighter one, which has less left,
/// or the same and a later `t`.
///
/// # The legacy fields
///
/// `X-RateLimit-Limit`, `X-RateLimit-Remaining`, and `X-RateLimit-Reset`: the
/// seconds until all of the quota is back, rounded up. They have room for one
/// limit: the one that refused, or else the one with the least left, or of two
/// with the same left, the one that resets later.
///
/// A layer further in that writes only the IETF fields does not say when its
/// quota resets. If it has the least left, `X-RateLimit-Reset` is computed from
/// its fields: to the second for a bucket, and at most the width for a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Headers {
    /// `RateLimit` and `RateLimit-Policy`.
    #[default]
    Ietf,
    /// `X-RateLimit-*`.
    Legacy,
    /// Both of the above.
    Both,
    /// No quota headers. A refusal still has `Retry-After`.
    None,
}

impl Headers {
    pub(in crate::refusal) fn has_ietf(self) -> bool {
        matches!(self, Self::Ietf | Self::Both)
    }

    pub(in crate::refusal) fn has_legacy(self) -> bool {
        matches!(self, Self::Legacy | Self::Both)
    }
}
