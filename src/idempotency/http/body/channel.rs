//! Connects the task that reads a response's body to the client's connection.
//! Data that the client has yet to read is counted in the layer's budget.
//!
//! The channel is unbounded, because a client that does not read must not stop
//! the task while the response may be kept. The budget bounds it: above the
//! budget, the sender waits until the client is less than
//! [`MAX_FRAMES_AHEAD`] frames behind.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    mpsc::{self, UnboundedReceiver, UnboundedSender},
};

use super::budget::{BodyBudget, BudgetShare};
use crate::{flush::Flush, refusal::BoxError};

/// How many frames a client may be behind before the task waits for it.
const MAX_FRAMES_AHEAD: usize = 16;

/// The error of a body that ended without [`BodyPart::End`].
const CUT_OFF: &str = "the response body was cut off: the work panicked, or its runtime was \
                       shut down; send the request again";

/// One message on the channel.
#[derive(Debug)]
pub(super) enum BodyPart {
    /// Data; or trailers, after all data.
    Frame(Frame<Bytes>),
    /// The body failed; nothing follows.
    Failed(BoxError),
    /// The body is complete. It is sent explicitly, because a task that panics
    /// closes the channel too.
    End,
}

/// A part in the channel.
#[derive(Debug)]
struct Sent {
    /// The message itself.
    part: BodyPart,
    /// The bytes that the part takes of the budget until the client has it.
    _share: BudgetShare,
    /// One of the [`MAX_FRAMES_AHEAD`], if the sender waited for it.
    _place: Option<OwnedSemaphorePermit>,
}

/// Creates a channel for a body of this length, if it is known, to a client
/// that speaks this version of HTTP.
pub(super) fn body_channel(
    length: Option<u64>,
    budget: &BodyBudget,
    version: Version,
) -> (BodySender, BodyReceiver) {
    let (sender, parts) = mpsc::unbounded_channel();
    let places = Arc::new(Semaphore::new(MAX_FRAMES_AHEAD));
    let sender = BodySender {
        sender,
        places: places.clone(),
        budget: budget.clone(),
    };
    let receiver = BodyReceiver {
        parts,
        places,
        left: length,
        ended: false,
        failed: None,
        flush: Flush::of(version),
    };
    (sender, receiver)
}

/// The end of the channel in the task that reads the body.
#[derive(Debug)]
pub(crate) struct BodySender {
    /// It never blocks.
    sender: UnboundedSender<Sent>,
    /// Shared with the receiver, which closes it when the client goes.
    places: Arc<Semaphore>,
    budget: BodyBudget,
}

impl BodySender {
    /// Sends without waiting, even above the budget.
    pub(super) fn send_now(&self, part: BodyPart) {
        let mut share = self.budget.share();
        share.overdraw(memory_of(&part));
        self.put(part, share, None);
    }

    /// Sends without waiting as long as there is room in the budget, and
    /// otherwise as [`send`](Self::send) does.
    pub(super) async fn send_ahead(&self, part: BodyPart) {
        let mut share = self.budget.share();
        match share.grow(memory_of(&part)) {
            true => self.put(part, share, None),
            false => self.send(part).await,
        }
    }

    /// Waits until the client is less than [`MAX_FRAMES_AHEAD`] behind, and
    /// sends.
    pub(super) async fn send(&self, part: BodyPart) {
        // The semaphore is closed once the client has gone; then nothing waits.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let mut share = self.budget.share();
        share.overdraw(memory_of(&part));
        self.put(part, share, place);
    }

    /// Puts a part into the channel, with what it holds until the client has
    /// it.
    fn put(&self, part: BodyPart, share: BudgetShare, place: Option<OwnedSemaphorePermit>) {
        let sent = Sent {
            part,
            _share: share,
            _place: place,
        };
        // It fails if the client has gone. The body is read on for the record.
        let _ = self.sender.send(sent);
    }
}

/// Returns how many bytes a part takes in memory. The message around the data
/// is included, so that many small frames count too.
fn memory_of(part: &BodyPart) -> usize {
    match part {
        BodyPart::Frame(frame) => size_of::<Sent>() + frame.data_ref().map_or(0, Bytes::len),
        BodyPart::Failed(_) | BodyPart::End => 0,
    }
}

/// The end of the channel in the response's body.
#[derive(Debug)]
pub(crate) struct BodyReceiver {
    /// The messages that were not read yet.
    parts: UnboundedReceiver<Sent>,
    places: Arc<Semaphore>,
    /// How many bytes are left, if the length is known.
    left: Option<u64>,
    /// Whether the last part was taken out.
    ended: bool,
    /// The error to end with, once the server has sent what came before it.
    failed: Option<BoxError>,
    flush: Flush,
}

/// The result of polling a body.
type PolledFrame = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

impl BodyReceiver {
    fn poll_part(&mut self, cx: &mut Context<'_>) -> PolledFrame {
        if self.ended {
            return Poll::Ready(None);
        }
        let sent = ready!(self.parts.poll_recv(cx));
        let part = sent.map(|sent| sent.part);
        Poll::Ready(self.take(part.unwrap_or_else(|| BodyPart::Failed(CUT_OFF.into()))))
    }

    /// Counts a part, and turns it into what a body returns.
    fn take(&mut self, part: BodyPart) -> Option<Result<Frame<Bytes>, BoxError>> {
        match part {
            BodyPart::Frame(frame) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.left = self.left.map(|left| left.saturating_sub(length));
                Some(Ok(frame))
            }
            BodyPart::Failed(error) => {
                self.ended = true;
                Some(Err(error))
            }
            BodyPart::End => {
                self.ended = true;
                None
            }
        }
    }
}

impl Body for BodyReceiver {
    type Data = Bytes;
    type Error = BoxError;

    /// Returns the next frame. An error waits until the server has flushed the
    /// head and the frames before it.
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> PolledFrame {
        if self.failed.is_none() {
            let polled = self.poll_part(cx);
            let Poll::Ready(Some(Err(error))) = polled else {
                self.flush.note(&polled);
                return polled;
            };
            self.failed = Some(error);
        }
        ready!(self.flush.poll(cx));
        Poll::Ready(self.failed.take().map(Err))
    }

    /// Returns whether the body has ended without an error.
    fn is_end_stream(&self) -> bool {
        self.ended && self.failed.is_none()
    }

    /// Returns how much is left, if the length is known.
    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Drop for BodyReceiver {
    /// Lets the task go on without waiting: the client has gone.
    fn drop(&mut self) {
        self.places.close();
    }
}
