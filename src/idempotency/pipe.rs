//! What leads from the task that reads a body to the client.

use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::refusal::BoxError;

/// How many frames a client may be behind. Beyond it, the body is read as fast as
/// the client reads.
const BEHIND: usize = 16;

/// Said to a client whose body ended without its end.
const CUT_OFF: &str = "the body was cut off: its work panicked, or its runtime was shut down";

/// What goes through a pipe.
#[derive(Debug)]
pub(super) enum Piece {
    Frame(Frame<Bytes>),
    Failed(BoxError),
    /// Said aloud, for a task that is gone has not reached the end.
    End,
}

/// A pipe for a body that is so long, if that is known.
pub(super) fn pipe(length: Option<u64>) -> (Mouth, Pipe) {
    let (sender, pieces) = mpsc::channel(BEHIND);
    let pipe = Pipe {
        pieces,
        left: length,
        ended: false,
    };
    (Mouth(Some(sender)), pipe)
}

/// Where a body is put into a pipe.
#[derive(Debug)]
pub(super) struct Mouth(Option<Sender<Piece>>);

impl Mouth {
    /// Waits until there is room; when nobody is at the other end, it is lost.
    pub(super) async fn send(&mut self, piece: Piece) {
        if let Some(sender) = &self.0
            && sender.send(piece).await.is_err()
        {
            self.0 = None;
        }
    }
}

/// Where a body comes out.
#[derive(Debug)]
pub(super) struct Pipe {
    pieces: Receiver<Piece>,
    left: Option<u64>,
    ended: bool,
}

impl Pipe {
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = std::task::ready!(self.pieces.poll_recv(cx));
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

    pub(super) fn is_end_stream(&self) -> bool {
        self.ended
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
