//! The peer of a call, unless the application says otherwise.

use http::{Request, header::HOST, uri::Authority};

use crate::key::Key;

/// The key of a call's peer: the authority of its URI, such as
/// `api.example.com:443`, or else its `Host`.
///
/// Calls that have neither share one peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByAuthority;

impl<B> Key<Request<B>> for ByAuthority {
    type Key<'a>
        = &'a [u8]
    where
        B: 'a;

    fn key<'a>(&'a self, req: &'a Request<B>) -> Option<&'a [u8]> {
        let authority = req.uri().authority().map(Authority::as_str);
        let host = || req.headers().get(HOST).map(|it| it.as_bytes());
        authority.map(str::as_bytes).or_else(host).or(Some(b""))
    }
}
