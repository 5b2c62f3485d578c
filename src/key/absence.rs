//! Why a request has no key. The layers of `limit` and `idempotency` choose
//! their answer by it.

/// Why a request has no key. Of two reasons, the greater one is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Absence {
    /// The request lacks what the key reads, such as a header. This is the
    /// caller's mistake, answered with 400, or status 3 in gRPC.
    NotSent,
    /// The transport did not leave the address of the peer in the request. This
    /// is a mistake in how the server was set up, answered with 500, or status
    /// 13 in gRPC.
    NoPeer,
}
