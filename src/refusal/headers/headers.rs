//! Which header fields tell clients of their quota.

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
/// `q` is what a client can take at once and `w` in how many seconds all of it
/// comes back, rounded up; for a window they are its limit and its width. `r`
/// is what is left; `t` is in how many seconds there is more, rounded up, and
/// is left out while the quota is whole. It is also left out of a refusal whose
/// `Retry-After` is sooner, as of a queue that is full or that the caller would not
/// wait for: there the request passes before there is more to have at once.
///
/// Both are lists. They have a member for each limit of an
/// [`All`](crate::limit::All), the one that speaks first, and one for each limit of
/// layers around each other. Of two limits of one name there is one: the one that
/// refused, or else the tighter one, which has less left, or as much and `t` later.
///
/// # The legacy fields
///
/// `X-RateLimit-Limit`, `X-RateLimit-Remaining`, and `X-RateLimit-Reset` in
/// seconds from now, rounded up, until the quota is whole. There is room for one
/// limit: the one that refused, or else the one with the least left, or of two with
/// as much the one that is whole later.
///
/// A layer further in that writes the IETF fields alone does not say when its quota
/// is whole, so if it is the tightest, `X-RateLimit-Reset` is reckoned from them: as
/// of a bucket, to the second, and for a window at most its width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Headers {
    /// `RateLimit` and `RateLimit-Policy`.
    #[default]
    Ietf,
    /// `X-RateLimit-*`.
    Legacy,
    /// Both sets.
    Both,
    /// None of them. A refusal still says `Retry-After`.
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
