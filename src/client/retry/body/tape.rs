//! The frames of a request body that were sent, and the rest of it. The bodies
//! of all attempts share one tape.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::error::BoxError;

/// The return type of `poll_frame`.
pub(super) type FramePoll = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

/// A body and the frames that were read of it.
pub(super) struct Tape<B> {
    rest: B,
    frames: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    /// How many bytes may still be recorded; `None` if nothing is kept.
    room: Option<usize>,
    /// The number of the attempt that reads the tape, from 0.
    pub(super) attempt: u32,
    /// Whether the rest has ended, or has failed.
    is_over: bool,
    has_failed: bool,
    /// The task that waits for the rest.
    waiting: Option<Waker>,
}

impl<B> Tape<B> {
    pub(super) fn new(rest: B) -> Self {
        Self {
            rest,
            frames: Vec::new(),
            trailers: None,
            room: None,
            attempt: 0,
            is_over: false,
            has_failed: false,
            waiting: None,
        }
    }

    /// Keeps no more frames than the present attempt needs.
    pub(super) fn stop_recording(&mut self) {
        self.room = None;
    }

    /// Begins another attempt. Returns its number, and the task that waits for
    /// the rest in an older one; `None` if frames are missing.
    pub(super) fn begin_attempt(&mut self) -> Option<(u32, Option<Waker>)> {
        let is_whole = self.room.is_some() && !self.has_failed;
        self.attempt += u32::from(is_whole);
        is_whole.then(|| (self.attempt, self.waiting.take()))
    }

    /// Returns a recorded frame, which stays only if there may be another
    /// attempt.
    pub(super) fn play(&mut self, position: usize) -> Option<Bytes> {
        let frame = self.frames.get_mut(position)?;
        Some(match self.room {
            Some(_) => frame.clone(),
            None => mem::take(frame),
        })
    }

    /// Returns the recorded trailers.
    pub(super) fn play_trailers(&mut self) -> Option<HeaderMap> {
        match self.room {
            Some(_) => self.trailers.clone(),
            None => self.trailers.take(),
        }
    }

    /// Returns how many frames are recorded.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Returns whether nothing is left to read but what is recorded.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Notes who waits for the rest, unless it is noted.
    fn wait(&mut self, waker: &Waker) {
        match &mut self.waiting {
            Some(waiting) => waiting.clone_from(waker),
            None => self.waiting = Some(waker.clone()),
        }
    }

    /// Records a frame, as long as there is room.
    fn keep(&mut self, frame: &Frame<Bytes>) {
        if let Some(trailers) = frame.trailers_ref() {
            self.is_over = true;
            self.trailers = self.room.map(|_| trailers.clone());
        }
        let Some(data) = frame.data_ref() else {
            return;
        };
        self.room = self.room.and_then(|room| room.checked_sub(data.len()));
        match self.room {
            Some(_) => self.frames.push(data.clone()),
            // The present attempt has read all frames before this one.
            None => self.frames = Vec::new(),
        }
    }
}

impl<B: Body> Tape<B> {
    /// Begins to record. Returns false if the body says that it is larger.
    pub(super) fn record(&mut self, max_bytes: usize) -> bool {
        let most = u64::try_from(max_bytes).unwrap_or(u64::MAX);
        let fits = self.rest.size_hint().lower() <= most;
        self.room = fits.then_some(max_bytes);
        fits
    }

    /// Returns whether the original body was read to its end.
    pub(super) fn is_read(&self) -> bool {
        self.is_over || self.rest.is_end_stream()
    }

    /// Returns whether an attempt that has read this many frames is at the end.
    pub(super) fn is_end(&self, position: usize) -> bool {
        position >= self.frames.len() && self.trailers.is_none() && self.is_read()
    }

    /// Returns the size of all frames from this one on.
    pub(super) fn size_hint(&self, position: usize) -> SizeHint {
        let recorded = self.frames.get(position..).unwrap_or_default();
        let recorded: u64 = recorded.iter().map(|frame| frame.len() as u64).sum();
        let rest = match self.is_over {
            true => SizeHint::with_exact(0),
            false => self.rest.size_hint(),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + recorded);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + recorded);
        }
        hint
    }
}

impl<B> Tape<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    /// Reads on behind the recorded frames.
    pub(super) fn poll_rest(&mut self, cx: &mut Context<'_>) -> FramePoll {
        let Poll::Ready(frame) = Pin::new(&mut self.rest).poll_frame(cx) else {
            self.wait(cx.waker());
            return Poll::Pending;
        };
        match &frame {
            Some(Ok(frame)) => self.keep(frame),
            Some(Err(_)) => (self.is_over, self.has_failed) = (true, true),
            None => self.is_over = true,
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}
