//! The body of `reqwest`. One of known bytes stays one, because `reqwest` sends
//! only such a body again after a redirect.

use bytes::Bytes;

use super::{
    repeatable::{BodySource, RepeatableBody},
    taped_body::{TapeSource, TapedBody},
};
use crate::client::reqwest::in_memory;

/// Makes the bodies of further attempts of `reqwest`.
#[derive(Debug)]
pub struct ReqwestBodySource(Kept);

#[derive(Debug)]
enum Kept {
    Bytes(Bytes),
    Tape(TapeSource<reqwest::Body>),
}

impl RepeatableBody for reqwest::Body {
    type Source = ReqwestBodySource;

    fn repeatable(self, max_bytes: usize) -> (Self, Option<Self::Source>) {
        if self.as_bytes().is_some() {
            let bytes = in_memory(self);
            let fits = bytes.len() <= max_bytes;
            let kept = fits.then(|| Kept::Bytes(bytes.clone()));
            return (bytes.into(), kept.map(ReqwestBodySource));
        }
        let body = TapedBody::new(self);
        let kept = body.record(max_bytes).map(Kept::Tape);
        (Self::wrap(body), kept.map(ReqwestBodySource))
    }
}

impl BodySource<reqwest::Body> for ReqwestBodySource {
    fn next(&mut self) -> Option<reqwest::Body> {
        match &mut self.0 {
            Kept::Bytes(bytes) => Some(bytes.clone().into()),
            Kept::Tape(source) => source.next().map(reqwest::Body::wrap),
        }
    }

    fn is_read(&self) -> bool {
        match &self.0 {
            Kept::Bytes(_) => true,
            Kept::Tape(source) => source.is_read(),
        }
    }
}
