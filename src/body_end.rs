//! Follows a response body to its end. The response bodies of `limit` and
//! `concurrency` use it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Buf;
use http_body::{Body, Frame};

use crate::red::on_panic;

/// The part of a response that is told how its body ends. It is told once, and
/// then dropped. If it is dropped without, the rest of the body was dropped.
pub(crate) trait BodyEnd {
    /// Takes a frame into account. Returns whether the server polls no more
    /// after it.
    fn frame<D: Buf>(&mut self, frame: &Frame<D>) -> bool;

    /// The body has ended.
    fn end(&mut self);

    /// The body failed.
    fn fail<E: 'static>(&mut self, error: &E);

    /// The body panicked.
    fn panic(self);
}

/// The return type of `poll_frame`.
type FramePoll<B> = Poll<Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>>;

/// Polls a body, and tells `told` of its frame and its end. `told` is `None`
/// once it was told the end.
///
/// The body has ended when its last frame is taken, because a server does not
/// poll it again then.
#[inline]
pub(crate) fn poll_to_end<B, T>(
    mut body: Pin<&mut B>,
    told: &mut Option<T>,
    cx: &mut Context<'_>,
) -> FramePoll<B>
where
    B: Body<Error: 'static>,
    T: BodyEnd,
{
    let watch = on_panic::watch(told, T::panic);
    let polled = body.as_mut().poll_frame(cx);
    watch.returned();
    let (Poll::Ready(frame), Some(end)) = (&polled, told.as_mut()) else {
        return polled;
    };
    // In place, because what is told is large.
    match frame {
        Some(Ok(frame)) if end.frame(frame) || body.is_end_stream() => end.end(),
        Some(Ok(_)) => return polled,
        Some(Err(error)) => end.fail(error),
        None => end.end(),
    }
    *told = None;
    polled
}
