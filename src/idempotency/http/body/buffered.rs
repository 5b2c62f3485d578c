//! A body that is there as a whole.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::budget::Share;

/// A body that is there as a whole: at most one frame of data, and at most one of
/// trailers.
#[derive(Clone, Debug, Default)]
pub struct BufferedBody {
    bytes: Bytes,
    trailers: HeaderMap,
    is_read: Option<IsRead>,
    /// Its part of the budget, until it is read or dropped.
    share: Option<Arc<Share>>,
}

/// Whether a body was read by what it was given to. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct IsRead(Arc<AtomicBool>);

impl IsRead {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Relaxed)
    }
}

impl BufferedBody {
    pub(crate) fn new(bytes: Bytes, trailers: HeaderMap) -> Self {
        Self {
            bytes,
            trailers,
            is_read: None,
            share: None,
        }
    }

    /// The same, which tells when it is read.
    pub(crate) fn watched(self, is_read: &IsRead, share: Option<Arc<Share>>) -> Self {
        let is_read = Some(is_read.clone());
        Self {
            is_read,
            share,
            ..self
        }
    }

    /// Its data.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its trailers; empty if there are none.
    pub fn trailers(&self) -> &HeaderMap {
        &self.trailers
    }

    fn next(&mut self) -> Option<Frame<Bytes>> {
        if !self.bytes.is_empty() {
            return Some(Frame::data(std::mem::take(&mut self.bytes)));
        }
        let is_left = !self.trailers.is_empty();
        is_left.then(|| Frame::trailers(std::mem::take(&mut self.trailers)))
    }
}

impl Body for BufferedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(is_read) = self.is_read.take() {
            is_read.0.store(true, Relaxed);
        }
        self.share = None;
        Poll::Ready(self.next().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && self.trailers.is_empty()
    }

    /// Not exact where trailers come after it: HTTP/1.1 would send the length instead
    /// of them.
    fn size_hint(&self) -> SizeHint {
        let length = self.bytes.len() as u64;
        if self.trailers.is_empty() {
            return SizeHint::with_exact(length);
        }
        let mut at_least = SizeHint::new();
        at_least.set_lower(length);
        at_least
    }
}
