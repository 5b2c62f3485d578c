//! Why a request has no key. The layers of `limit` and `idempotency` ask for it.

/// Why a request has no key. The greater of two is the one to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Absence {
    /// The request does not carry what the key goes by, such as a header: the
    /// caller's mistake, answered with 400, or status 3 for gRPC.
    NotSent,
    /// The transport has not left the address of the peer in the request: a
    /// mistake in how the server was set up, answered with 500, or status 13 for
    /// gRPC.
    NoPeer,
}
