//! Reads a response's body to its end, and gives it to the record and to the
//! client.
//!
//! `handler` first gathers what is ready at once. If that is the whole body, no
//! task is needed. Otherwise a task pumps the rest, and the client reads from a
//! channel.

use std::{collections::VecDeque, future::poll_fn, pin::Pin, task::Poll};

use bytes::Bytes;
use http::{HeaderMap, Version, response::Parts};
use http_body::{Body, Frame};

use super::{
    budget::BodyBudget,
    buffer::BodyBuffer,
    buffered::BufferedBody,
    channel::{BodyPart, BodyReceiver, BodySender, body_channel},
};
use crate::{
    content::{BodyAllowed, Grpc, content_length},
    grpc_web::Reader,
    idempotency::{http::retention::completion::CompletionHandle, record, store::Store},
    refusal::BoxError,
};

/// The error of a body whose work was taken over by another holder, whose
/// response counts.
const TAKEN_OVER: &str = "the response was discarded: its lease lapsed, and another request with \
                          the key has taken over; send the request again";

/// A response's body that goes into the record and to the client.
pub(crate) struct BodyTee<B> {
    /// The inner service's body. Boxed, because it may not be `Unpin`.
    body: Pin<Box<B>>,
    /// The data for the record.
    kept: BodyBuffer,
    /// The memory for data that the client has yet to read.
    budget: BodyBudget,
    /// The data that was read and not sent yet.
    unsent: VecDeque<Bytes>,
    /// How long the body is, by its own size hint.
    length: Option<u64>,
    /// How long the client expects the body to be, by the head or the size
    /// hint.
    promised: Option<u64>,
    /// The trailers of HTTP, once they were read.
    trailers: HeaderMap,
    /// Finds the trailers that gRPC-Web puts into the body.
    web: Option<Reader>,
    /// The error that `gather` met, for `pump` to pass on.
    failed: Option<BoxError>,
}

impl<B> BodyTee<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    /// Creates a tee for the body behind this head. At most `cap` bytes of it
    /// are kept, as far as the budget goes.
    pub(crate) fn new(
        head: &Parts,
        allowed: BodyAllowed,
        body: B,
        cap: usize,
        budget: &BodyBudget,
    ) -> Self {
        let length = body.size_hint().exact();
        // The head promises nothing about a body that the method forbids, as
        // for `HEAD`.
        let stated = || content_length(&head.headers);
        let stated = allowed.has_body(head.status).then(stated).flatten();
        Self {
            length,
            promised: stated.or(length),
            web: Grpc::spoken_in(&head.headers).and_then(Reader::new),
            body: Box::pin(body),
            kept: BodyBuffer::for_response(cap, budget.share()),
            budget: budget.clone(),
            unsent: VecDeque::new(),
            trailers: HeaderMap::new(),
            failed: None,
        }
    }

    /// Creates the channel to the client, which speaks this version of HTTP.
    pub(crate) fn channel(&self, version: Version) -> (BodySender, BodyReceiver) {
        body_channel(self.length, &self.budget, version)
    }

    /// Reads what is there without waiting. Returns whether that is the whole
    /// body, and all of it is kept.
    pub(crate) async fn gather(&mut self) -> bool {
        while !self.kept.is_dropped() {
            let polled = poll_fn(|cx| Poll::Ready(self.body.as_mut().poll_frame(cx))).await;
            let is_end = matches!(polled, Poll::Ready(None));
            match polled {
                Poll::Ready(Some(Ok(frame))) => self.take(frame),
                Poll::Ready(Some(Err(error))) => self.failed = Some(error.into()),
                Poll::Ready(None) => self.failed = self.length_error(),
                Poll::Pending => return false,
            }
            if is_end || self.failed.is_some() {
                return self.failed.is_none();
            }
        }
        false
    }

    /// Returns the whole body, after `gather` has returned true.
    pub(crate) fn into_buffered(mut self) -> BufferedBody {
        BufferedBody::new(self.kept.take(), self.trailers)
    }

    /// Returns the trailers that have the status of a call, once all is read:
    /// those of gRPC-Web if there are any, and those of HTTP otherwise.
    pub(crate) fn status_trailers(&mut self) -> &HeaderMap {
        let web = self.web.as_mut().and_then(Reader::end);
        web.unwrap_or(&self.trailers)
    }

    /// Returns an error if the body ends here and is not as long as promised:
    /// such a body is incomplete, however clean its end is (RFC 9112, section
    /// 8).
    fn length_error(&self) -> Option<BoxError> {
        let (promised, size) = (self.promised?, self.kept.size());
        (promised != size).then(|| {
            format!("the response body has {size} bytes, but its head promises {promised}").into()
        })
    }

    /// Reads the rest and sends all of it to the client. The store is told the
    /// end before the client has it.
    ///
    /// While the response may be kept, this does not wait for the client,
    /// because one that does not read would hold the key. The data is kept in
    /// memory instead.
    pub(crate) async fn pump<S: Store>(
        mut self,
        mut completion: CompletionHandle<S>,
        client: BodySender,
    ) {
        loop {
            // The last frame waits for the store if the client could tell that
            // it is the last.
            let held_back = usize::from(self.is_last_known());
            self.send(&client, held_back).await;
            match self.next().await {
                Some(Ok(frame)) => self.take(frame),
                // The outcome is unknown: the completion is dropped, and its
                // lease lapses.
                Some(Err(error)) => return client.send_now(BodyPart::Failed(error)),
                None => break,
            }
        }
        completion.read_status(self.status_trailers());
        let body = match self.kept.is_dropped() {
            true => record::Body::Omitted,
            false => record::Body::Kept(self.kept.take()),
        };
        match completion.finish(body, &self.trailers).await {
            true => self.finish(&client),
            false => client.send_now(BodyPart::Failed(TAKEN_OVER.into())),
        }
    }

    /// Sends what was held back, the trailers and the end.
    fn finish(self, client: &BodySender) {
        for data in self.unsent {
            client.send_now(BodyPart::Frame(Frame::data(data)));
        }
        if !self.trailers.is_empty() {
            let trailers = Frame::trailers(self.trailers);
            client.send_now(BodyPart::Frame(trailers));
        }
        client.send_now(BodyPart::End);
    }

    /// Reads the next frame. A body that ends too early ends with an error.
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        match poll_fn(|cx| self.body.as_mut().poll_frame(cx)).await {
            Some(frame) => Some(frame.map_err(Into::into)),
            None => self.length_error().map(Err),
        }
    }

    /// Adds a frame to the record and to what is to be sent.
    fn take(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            // An empty frame would be held back in place of the last data.
            Ok(data) if data.is_empty() => {}
            Ok(data) => {
                if let Some(web) = &mut self.web {
                    web.read(&data);
                }
                // If it does not fit, `is_dropped` says so from here on.
                let _ = self.kept.add(&data);
                self.unsent.push_back(data);
            }
            Err(frame) => self.trailers = frame.into_trailers().unwrap_or_default(),
        }
    }

    /// Returns whether the client could tell that it has the whole body if it
    /// had all that was read.
    fn is_last_known(&self) -> bool {
        let has_trailers = self.web.as_ref().is_some_and(|it| it.trailers().is_some());
        has_trailers || self.promised == Some(self.kept.size()) || self.body.is_end_stream()
    }

    /// Sends all frames but the last `held_back` ones.
    async fn send(&mut self, client: &BodySender, held_back: usize) {
        while self.unsent.len() > held_back {
            let Some(data) = self.unsent.pop_front() else {
                return;
            };
            let part = BodyPart::Frame(Frame::data(data));
            match self.kept.is_dropped() {
                true => client.send(part).await,
                false => client.send_ahead(part).await,
            }
        }
    }
}
