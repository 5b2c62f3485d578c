//! A body that is in memory as a whole: a request that was read to be compared,
//! or a response that is kept.
//!
//! It tells the layer when the handler begins to read, because a refusal after
//! that does not give the work back, and it gives its memory back at the same
//! moment.

use std::{
    convert::Infallible,
    mem,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::budget::BudgetShare;

/// A body that is in memory: at most one frame of data, and at most one of
/// trailers.
///
/// [`FromBuffered`](super::FromBuffered) turns it into another type of body.
#[derive(Clone, Debug, Default)]
pub struct BufferedBody {
    /// The data, until it is polled.
    bytes: Bytes,
    /// The trailers, until they are polled; boxed, because few bodies have any.
    trailers: Option<Box<HeaderMap>>,
    /// Set by the first poll.
    read: Option<ReadFlag>,
    /// The share of the budget that the data takes, until it is polled or
    /// dropped.
    share: Option<Arc<BudgetShare>>,
}

/// Whether the handler has begun to read a body. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadFlag(Arc<AtomicBool>);

impl ReadFlag {
    /// Returns whether the body was polled.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }
}

impl BufferedBody {
    /// Creates a body that reports to no flag and takes nothing of a budget.
    pub(crate) fn new(bytes: Bytes, trailers: HeaderMap) -> Self {
        let has_trailers = !trailers.is_empty();
        Self {
            bytes,
            trailers: has_trailers.then(|| Box::new(trailers)),
            read: None,
            share: None,
        }
    }

    /// Sets the flag that the first poll raises, and the share that it gives
    /// back.
    pub(crate) fn watched(self, read: &ReadFlag, share: Option<Arc<BudgetShare>>) -> Self {
        let read = Some(read.clone());
        Self {
            read,
            share,
            ..self
        }
    }

    /// Returns the data that was not read yet.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the trailers. They are empty if there are none.
    pub fn trailers(&self) -> &HeaderMap {
        static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
        self.trailers.as_deref().unwrap_or_else(|| &NONE)
    }

    /// Takes the next frame: the data first, then the trailers.
    fn next(&mut self) -> Option<Frame<Bytes>> {
        if !self.bytes.is_empty() {
            return Some(Frame::data(mem::take(&mut self.bytes)));
        }
        let trailers = self.trailers.take();
        trailers.map(|trailers| Frame::trailers(*trailers))
    }
}

impl Body for BufferedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(read) = self.read.take() {
            read.0.store(true, Relaxed);
        }
        self.share = None;
        Poll::Ready(self.next().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && self.trailers.is_none()
    }

    /// Returns the exact length only without trailers: HTTP/1.1 would send a
    /// `Content-Length` in place of the trailers.
    fn size_hint(&self) -> SizeHint {
        let length = self.bytes.len() as u64;
        if self.trailers.is_none() {
            return SizeHint::with_exact(length);
        }
        let mut at_least = SizeHint::new();
        at_least.set_lower(length);
        at_least
    }
}
