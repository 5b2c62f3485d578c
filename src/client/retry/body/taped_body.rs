//! Bodies that are recorded while they are sent, and played again.
//!
//! Only the body of the last attempt reads the tape. An older one may still be
//! in the hands of a connection, and fails.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{
    repeatable::BodySource,
    tape::{FramePoll, Tape},
};
use crate::{
    error::BoxError,
    sync::{Mutex, lock},
};

/// A body that is recorded while it is sent, so that it can be sent again.
///
/// Wrap the body of a request in it if it is not one that
/// [`RepeatableBody`](super::RepeatableBody) lists. Frames are recorded up to
/// the [`max_body_bytes`](crate::client::RetryLayer::max_body_bytes) of the
/// layer. Once there are more, the recording is dropped, and the body is sent
/// only once.
///
/// Without a layer, it is the body in it.
pub struct TapedBody<B> {
    tape: Arc<Mutex<Tape<B>>>,
    /// The number of its attempt, from 0.
    attempt: u32,
    /// How many of the recorded frames it has read.
    position: usize,
    is_done: bool,
}

/// Makes the bodies of further attempts from the recorded frames. When it is
/// dropped, the recording ends.
pub struct TapeSource<B> {
    tape: Arc<Mutex<Tape<B>>>,
}

impl<B> TapedBody<B> {
    /// Returns a body that can be sent again.
    pub fn new(body: B) -> Self {
        Self::of(Arc::new(Mutex::new(Tape::new(body))), 0)
    }

    fn of(tape: Arc<Mutex<Tape<B>>>, attempt: u32) -> Self {
        Self {
            tape,
            attempt,
            position: 0,
            is_done: false,
        }
    }
}

impl<B: Body> TapedBody<B> {
    /// Begins to record; `None` if the body says that it is larger.
    pub(super) fn record(&self, max_bytes: usize) -> Option<TapeSource<B>> {
        let tape = self.tape.clone();
        let fits = lock(&tape).record(max_bytes);
        fits.then(|| TapeSource { tape })
    }
}

impl<B> Body for TapedBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> FramePoll {
        let this = &mut *self;
        if this.is_done {
            return Poll::Ready(None);
        }
        let mut tape = lock(&this.tape);
        if tape.attempt != this.attempt {
            this.is_done = true;
            return Poll::Ready(Some(Err(Superseded.into())));
        }
        if let Some(data) = tape.play(this.position) {
            this.position += 1;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if tape.is_over() {
            this.is_done = true;
            return Poll::Ready(tape.play_trailers().map(|it| Ok(Frame::trailers(it))));
        }
        let frame = ready!(tape.poll_rest(cx));
        this.position = tape.len();
        this.is_done = tape.is_over();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let tape = lock(&self.tape);
        let is_current = tape.attempt == self.attempt;
        self.is_done || (is_current && tape.is_end(self.position))
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.tape).size_hint(self.position)
    }
}

impl<B> BodySource<TapedBody<B>> for TapeSource<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    fn next(&mut self) -> Option<TapedBody<B>> {
        let (attempt, superseded) = lock(&self.tape).begin_attempt()?;
        // Outside of the lock, because a waker may poll the body at once. Without
        // it, the connection of the older attempt would wait for ever.
        if let Some(superseded) = superseded {
            superseded.wake();
        }
        Some(TapedBody::of(self.tape.clone(), attempt))
    }

    fn is_read(&self) -> bool {
        lock(&self.tape).is_read()
    }
}

impl<B> Drop for TapeSource<B> {
    fn drop(&mut self) {
        lock(&self.tape).stop_recording();
    }
}

/// The error of a body whose request is sent again.
#[derive(Debug)]
struct Superseded;

impl fmt::Display for Superseded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request is sent again, so this attempt has no body")
    }
}

impl Error for Superseded {}

impl<B> fmt::Debug for TapedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapedBody")
            .field("attempt", &self.attempt)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl<B> fmt::Debug for TapeSource<B> {
    debug_opaque!(TapeSource);
}
