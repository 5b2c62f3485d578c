//! What leads from the task that reads a body to the client.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Version;
use http_body::{Frame, SizeHint};
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    mpsc::{self, UnboundedReceiver, UnboundedSender},
};

use super::budget::{Budget, Share};
use crate::{flush::Flush, refusal::BoxError};

/// How many frames a client may be behind where it is waited for.
const BEHIND: usize = 16;

/// Said to a client whose body ended without its end.
const CUT_OFF: &str = "the body was cut off: its work panicked, or its runtime was shut down";

/// What goes through a pipe.
#[derive(Debug)]
pub(crate) enum Piece {
    Frame(Frame<Bytes>),
    Failed(BoxError),
    /// Said aloud, for a task that is gone has not reached the end.
    End,
}

/// A piece on its way.
#[derive(Debug)]
struct Sent {
    piece: Piece,
    /// What it takes of the budget until the client has it.
    _share: Share,
    /// Its place among those for which the client is waited for.
    _place: Option<OwnedSemaphorePermit>,
}

/// A pipe for a body that is so long, if that is known, to a client of this version of
/// HTTP. What the client has yet to read counts in the budget.
pub(crate) fn pipe(length: Option<u64>, budget: &Budget, version: Version) -> (Mouth, Pipe) {
    let (sender, pieces) = mpsc::unbounded_channel();
    let places = Arc::new(Semaphore::new(BEHIND));
    let mouth = Mouth {
        sender,
        places: places.clone(),
        budget: budget.clone(),
    };
    let pipe = Pipe {
        pieces,
        places,
        left: length,
        ended: false,
        failed: None,
        flush: Flush::of(version),
    };
    (mouth, pipe)
}

/// Where a body is put into a pipe.
#[derive(Debug)]
pub(crate) struct Mouth {
    sender: UnboundedSender<Sent>,
    places: Arc<Semaphore>,
    budget: Budget,
}

impl Mouth {
    /// Waits for nobody. When nobody is at the other end, it is lost.
    pub(crate) fn send_now(&self, piece: Piece) {
        let mut share = self.budget.share();
        share.overdraw(size(&piece));
        self.put(piece, share, None);
    }

    /// Waits for nobody, as long as there is room in the budget, and otherwise until the
    /// client is less far behind.
    pub(crate) async fn send_ahead(&self, piece: Piece) {
        let mut share = self.budget.share();
        match share.grow(size(&piece)) {
            true => self.put(piece, share, None),
            false => self.send(piece).await,
        }
    }

    /// Waits until the client is less far behind.
    pub(crate) async fn send(&self, piece: Piece) {
        // There is none to be had once the client has gone.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let mut share = self.budget.share();
        share.overdraw(size(&piece));
        self.put(piece, share, place);
    }

    fn put(&self, piece: Piece, share: Share, place: Option<OwnedSemaphorePermit>) {
        let sent = Sent {
            piece,
            _share: share,
            _place: place,
        };
        // Whoever is gone does not miss it.
        let _ = self.sender.send(sent);
    }
}

/// What a piece takes in memory, so that many small ones count too.
fn size(piece: &Piece) -> usize {
    match piece {
        Piece::Frame(frame) => size_of::<Sent>() + frame.data_ref().map_or(0, Bytes::len),
        Piece::Failed(_) | Piece::End => 0,
    }
}

/// Where a body comes out.
#[derive(Debug)]
pub(crate) struct Pipe {
    pieces: UnboundedReceiver<Sent>,
    places: Arc<Semaphore>,
    left: Option<u64>,
    ended: bool,
    /// What it ends with once the server has sent what came before.
    failed: Option<BoxError>,
    flush: Flush,
}

type Polled = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

impl Pipe {
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        if self.failed.is_none() {
            let polled = self.poll_piece(cx);
            let Poll::Ready(Some(Err(error))) = polled else {
                self.flush.note(&polled);
                return polled;
            };
            self.failed = Some(error);
        }
        ready!(self.flush.poll(cx));
        Poll::Ready(self.failed.take().map(Err))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Polled {
        if self.ended {
            return Poll::Ready(None);
        }
        let sent = ready!(self.pieces.poll_recv(cx));
        let piece = sent.map(|sent| sent.piece);
        Poll::Ready(self.take(piece.unwrap_or_else(|| Piece::Failed(CUT_OFF.into()))))
    }

    fn take(&mut self, piece: Piece) -> Option<Result<Frame<Bytes>, BoxError>> {
        match piece {
            Piece::Frame(frame) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.left = self.left.map(|left| left.saturating_sub(length));
                Some(Ok(frame))
            }
            Piece::Failed(error) => {
                self.ended = true;
                Some(Err(error))
            }
            Piece::End => {
                self.ended = true;
                None
            }
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.ended && self.failed.is_none()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Drop for Pipe {
    /// Whoever waits for the client waits for nobody.
    fn drop(&mut self) {
        self.places.close();
    }
}
