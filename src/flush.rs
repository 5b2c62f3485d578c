//! When a body may fail, so that the server has sent the head and the frames
//! before. The bodies of responses that this crate makes use it.

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

/// How long a connection of HTTP/2 has to send a frame that a stream has given it,
/// and how long to send the head.
///
/// Hyper sends from the task of the connection, and a stream that fails takes back
/// what that task has not sent yet. No server says when it has, and where all
/// processors are busy, a task may have to wait for long.
const FRAME_SENT: Duration = Duration::from_millis(20);
const HEAD_SENT: Duration = Duration::from_millis(500);

/// Whether a server has sent what a body has given it.
///
/// Hyper drops a head and frames that are still in its buffers when the body
/// fails in the same turn: the client then has no answer at all. A server sends
/// its buffers when a body is pending, so a body fails only in a poll that
/// follows such a one.
pub(crate) struct Flush {
    /// Up to HTTP/1.1 one task polls the body and writes to the socket.
    is_one_task: bool,
    /// When the body was polled first; not noted where one task does all.
    begun: Option<Instant>,
    /// Since when the body is pending; `None` after its head or a frame.
    pending: Option<Instant>,
    timer: Option<Pin<Box<Unconstrained<Sleep>>>>,
}

impl Flush {
    /// For the response to a request of this version.
    #[inline]
    pub(crate) fn of(version: Version) -> Self {
        Self {
            is_one_task: version <= Version::HTTP_11,
            begun: None,
            pending: None,
            timer: None,
        }
    }

    /// For the response to a call, of which it is not known who passes it on.
    pub(crate) fn one_turn() -> Self {
        Self::of(Version::HTTP_11)
    }

    /// Notes what a poll of the body has come to.
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

    /// Ready when a connection that is another task has had time to send.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let head = self.begun.map(|begun| begun + HEAD_SENT);
        let frame = self.pending.map(|pending| pending + FRAME_SENT);
        match head.max(frame) {
            Some(at) if Instant::now() < at => {
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
    async fn over_http1_one_turn_is_enough() {
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
    async fn what_was_pending_for_long_fails_at_once() {
        let mut flush = Flush::of(Version::HTTP_2);
        flush.note(&Poll::<()>::Pending);
        tokio::time::advance(HEAD_SENT).await;
        flush.note(&Poll::<()>::Pending);
        assert_eq!(poll(&mut flush), Poll::Ready(()));
    }
}
