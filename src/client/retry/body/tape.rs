//! Bodies that are recorded while they are sent, and played again.
//!
//! A recorded body and its source share a tape: the frames that were read, and
//! the rest of the original body. Only the body of the last attempt reads it.
//! An older one may still be in the hands of a connection, and fails.

use std::{
    error::Error,
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::repeatable::BodySource;
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

/// Makes the bodies of further attempts from a tape. When it is dropped, the
/// recording ends.
pub struct TapeSource<B> {
    tape: Arc<Mutex<Tape<B>>>,
}

struct Tape<B> {
    rest: B,
    frames: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    /// How many bytes may be recorded; `None` if nothing is.
    room: Option<usize>,
    /// The number of the attempt that reads the tape.
    attempt: u32,
    /// Whether the rest has ended, or has failed.
    is_over: bool,
    has_failed: bool,
}

impl<B> TapedBody<B> {
    /// Returns a body that can be sent again.
    pub fn new(body: B) -> Self {
        let tape = Tape {
            rest: body,
            frames: Vec::new(),
            trailers: None,
            room: None,
            attempt: 0,
            is_over: false,
            has_failed: false,
        };
        Self {
            tape: Arc::new(Mutex::new(tape)),
            attempt: 0,
            position: 0,
            is_done: false,
        }
    }
}

impl<B: Body> TapedBody<B> {
    /// Begins to record; `None` if the body says that it is larger.
    pub(super) fn record(&self, max_bytes: usize) -> Option<TapeSource<B>> {
        let mut tape = lock(&self.tape);
        let most = u64::try_from(max_bytes).unwrap_or(u64::MAX);
        let fits = tape.rest.size_hint().lower() <= most;
        tape.room = fits.then_some(max_bytes);
        fits.then(|| TapeSource {
            tape: self.tape.clone(),
        })
    }
}

/// The return type of `poll_frame`.
type FramePoll = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

impl<B> Tape<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    /// Reads on behind the recorded frames.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> FramePoll {
        let frame = ready!(Pin::new(&mut self.rest).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => self.keep(frame),
            Some(Err(_)) => (self.is_over, self.has_failed) = (true, true),
            None => self.is_over = true,
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}

impl<B> Tape<B> {
    /// Records a frame, as long as there is room.
    fn keep(&mut self, frame: &Frame<Bytes>) {
        if let Some(trailers) = frame.trailers_ref() {
            self.is_over = true;
            self.trailers = self.room.map(|_| trailers.clone());
        }
        let (Some(data), Some(room)) = (frame.data_ref(), self.room) else {
            return;
        };
        self.room = room.checked_sub(data.len());
        match self.room {
            Some(_) => self.frames.push(data.clone()),
            None => self.frames = Vec::new(),
        }
    }

    /// Returns a recorded frame, which stays only if there may be another
    /// attempt.
    fn play(&mut self, position: usize) -> Option<Bytes> {
        let frame = self.frames.get_mut(position)?;
        Some(match self.room {
            Some(_) => frame.clone(),
            None => mem::take(frame),
        })
    }

    fn play_trailers(&mut self) -> Option<HeaderMap> {
        match self.room {
            Some(_) => self.trailers.clone(),
            None => self.trailers.take(),
        }
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
        if tape.is_over {
            this.is_done = true;
            return Poll::Ready(tape.play_trailers().map(|it| Ok(Frame::trailers(it))));
        }
        let frame = ready!(tape.poll_rest(cx));
        this.position = tape.frames.len();
        this.is_done = tape.is_over;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let tape = lock(&self.tape);
        let is_played = self.position >= tape.frames.len();
        let is_over = tape.is_over && tape.trailers.is_none();
        let is_current = tape.attempt == self.attempt;
        self.is_done || (is_current && is_played && (is_over || tape.has_no_rest()))
    }

    fn size_hint(&self) -> SizeHint {
        let tape = lock(&self.tape);
        let recorded = tape.frames.get(self.position..).unwrap_or_default();
        let recorded: u64 = recorded.iter().map(|frame| frame.len() as u64).sum();
        let rest = match tape.is_over {
            true => SizeHint::with_exact(0),
            false => tape.rest.size_hint(),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + recorded);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + recorded);
        }
        hint
    }
}

impl<B: Body> Tape<B> {
    /// Returns whether the original body says that it has nothing more.
    fn has_no_rest(&self) -> bool {
        !self.is_over && self.rest.is_end_stream()
    }
}

impl<B> BodySource<TapedBody<B>> for TapeSource<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    fn next(&mut self) -> Option<TapedBody<B>> {
        let mut tape = lock(&self.tape);
        if tape.room.is_none() || tape.has_failed {
            return None;
        }
        tape.attempt += 1;
        Some(TapedBody {
            tape: self.tape.clone(),
            attempt: tape.attempt,
            position: 0,
            is_done: false,
        })
    }

    fn is_read(&self) -> bool {
        let tape = lock(&self.tape);
        tape.is_over || tape.rest.is_end_stream()
    }
}

impl<B> Drop for TapeSource<B> {
    fn drop(&mut self) {
        lock(&self.tape).room = None;
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
