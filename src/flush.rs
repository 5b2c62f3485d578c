//! Delays the failure of a response body until the server has sent its head and
//! the frames before. The response bodies of `deadline` and `idempotency` use
//! it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Version;
use tokio::{
    task::{Unconstrained, unconstrained},
    time::{Instant, Sleep, sleep_until},
};

/// The time that a connection of HTTP/2 gets to send a frame.
///
/// Hyper sends from the task of the connection. A stream that fails discards
/// everything that this task has not sent yet, and no server says when it has.
const FRAME_SENT: Duration = Duration::from_millis(20);

/// The time that a connection of HTTP/2 gets to send the head. It is longer,
/// because a client without a head gets no response at all, and the task may
/// wait for a busy processor.
const HEAD_SENT: Duration = Duration::from_millis(500);

/// Tracks whether a server has sent the frames of a body.
///
/// Hyper drops a head and frames that are still in its buffers if the body
/// fails in the same poll, and the client gets no response at all. A server
/// sends its buffers when a body is pending, so a body should fail only in a
/// later poll.
pub(crate) struct Flush {
    /// Whether the task that polls the body also writes to the socket, as up to
    /// HTTP/1.1.
    is_one_task: bool,
    /// When the body was first polled; `None` if one task does both.
    begun: Option<Instant>,
    /// Since when the body has been pending; `None` after the head or a frame.
    pending: Option<Instant>,
    timer: Option<Pin<Box<Unconstrained<Sleep>>>>,
}

impl Flush {
    /// Creates one for the response to a request of this HTTP version.
    #[inline]
    pub(crate) fn of(version: Version) -> Self {
        Self {
            is_one_task: version <= Version::HTTP_11,
            begun: None,
            pending: None,
            timer: None,
        }
    }

    /// Creates one for the response to an outgoing call. Whether it is passed
    /// on, and over which version, is unknown.
    pub(crate) fn one_turn() -> Self {
        Self::of(Version::HTTP_11)
    }

    /// Records the result of a poll of the body.
    #[inline]
    pub(crate) fn note<T>(&mut self, polled: &Poll<T>) {
        if !self.is_one_task {
            self.begun.get_or_insert_with(Instant::now);
        }
        match polled {
            Poll::Ready(_) => self.pending = None,
            Poll::Pending => _ = self.pending.get_or_insert_with(Instant::now),
        }
    }

    /// Ready when the body may fail.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let was_pending = self.pending.is_some();
        self.note(&Poll::<()>::Pending);
        if !self.is_one_task {
            return self.poll_sent(cx);
        }
        if !was_pending {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Ready when the task of the connection has had time to send.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let head = self.begun.map(|begun| begun + HEAD_SENT);
        let frame = self.pending.map(|pending| pending + FRAME_SENT);
        match head.max(frame) {
            Some(at) if Instant::now() < at => {
                // Unconstrained: a task without coop budget must still see the
                // timer.
                let timer = || Box::pin(unconstrained(sleep_until(at)));
                self.timer.get_or_insert_with(timer).as_mut().poll(cx)
            }
            _ => Poll::Ready(()),
        }
    }
}

impl fmt::Debug for Flush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flush")
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Waker};

    use super::*;

    fn poll(flush: &mut Flush) -> Poll<()> {
        flush.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test(start_paused = true)]
    async fn over_http1_one_pending_poll_is_enough() {
        let mut flush = Flush::of(Version::HTTP_11);
        assert_eq!(poll(&mut flush), Poll::Pending);
        assert_eq!(poll(&mut flush), Poll::Ready(()));
        flush.note(&Poll::Ready("a frame"));
        assert_eq!(poll(&mut flush), Poll::Pending);
        let begun = Instant::now();
        poll_fn(|cx| flush.poll(cx)).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn over_http2_the_connection_has_time_to_send() {
        let (mut flush, begun) = (Flush::of(Version::HTTP_2), Instant::now());
        poll_fn(|cx| flush.poll(cx)).await;
        assert_eq!(begun.elapsed(), HEAD_SENT);

        let mut flush = Flush::of(Version::HTTP_2);
        flush.note(&Poll::Ready("a frame"));
        tokio::time::advance(HEAD_SENT).await;
        flush.note(&Poll::Ready("a frame"));
        let begun = Instant::now();
        poll_fn(|cx| flush.poll(cx)).await;
        assert_eq!(begun.elapsed(), FRAME_SENT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_was_pending_for_long_fails_at_once() {
        let mut flush = Flush::of(Version::HTTP_2);
        flush.note(&Poll::<()>::Pending);
        tokio::time::advance(HEAD_SENT).await;
        flush.note(&Poll::<()>::Pending);
        assert_eq!(poll(&mut flush), Poll::Ready(()));
    }
}
