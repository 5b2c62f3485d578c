//! Reads a body to its end, for the record and for the client.

use std::{collections::VecDeque, future::poll_fn, pin::Pin, task::Poll};

use bytes::Bytes;
use http::{HeaderMap, Version, response::Parts};
use http_body::{Body, Frame};

use super::{
    budget::Budget,
    buffer::Gathered,
    buffered::BufferedBody,
    channel::{Mouth, Piece, Pipe, pipe},
};
use crate::idempotency::{http::retention::completion::Keeper, record, store::Store};
use crate::{
    content::{Allowed, Grpc, content_length},
    grpc_web::Reader,
    refusal::BoxError,
};

/// Said to a client whose answer is not the one that counts.
const LOST: &str = "the request took so long that another has taken it over: ask again";

/// A body that is read for the record and for the client.
pub(crate) struct Tee<B> {
    body: Pin<Box<B>>,
    kept: Gathered,
    budget: Budget,
    /// What the client has yet to get.
    unsent: VecDeque<Bytes>,
    /// How long the body is, if it says so.
    length: Option<u64>,
    /// How long the client is told that it is, by the head or by the body.
    told: Option<u64>,
    trailers: HeaderMap,
    /// Where the trailers are in the body.
    web: Option<Reader>,
    failed: Option<BoxError>,
}

impl<B> Tee<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    /// A body behind this head, of which at most so many bytes are kept, as far as the
    /// budget goes.
    pub(crate) fn new(
        head: &Parts,
        allowed: Allowed,
        body: B,
        most: usize,
        budget: &Budget,
    ) -> Self {
        let length = body.size_hint().exact();
        let said = || content_length(&head.headers);
        let said = allowed.has_body(head.status).then(said).flatten();
        Self {
            length,
            told: said.or(length),
            web: Grpc::spoken_in(&head.headers).and_then(Reader::new),
            body: Box::pin(body),
            kept: Gathered::of_own(most, budget.share()),
            budget: budget.clone(),
            unsent: VecDeque::new(),
            trailers: HeaderMap::new(),
            failed: None,
        }
    }

    /// A pipe to the client, who speaks this version of HTTP.
    pub(crate) fn pipe(&self, version: Version) -> (Mouth, Pipe) {
        pipe(self.length, &self.budget, version)
    }

    /// Reads what is there at once; whether that is all, and not too much.
    pub(crate) async fn gather(&mut self) -> bool {
        while !self.kept.is_full() {
            let polled = poll_fn(|cx| Poll::Ready(self.body.as_mut().poll_frame(cx))).await;
            let is_end = matches!(polled, Poll::Ready(None));
            match polled {
                Poll::Ready(Some(Ok(frame))) => self.take(frame),
                Poll::Ready(Some(Err(error))) => self.failed = Some(error.into()),
                Poll::Ready(None) => self.failed = self.fault(),
                Poll::Pending => return false,
            }
            if is_end || self.failed.is_some() {
                return self.failed.is_none();
            }
        }
        false
    }

    /// What was gathered, if that was all.
    pub(crate) fn into_whole(mut self) -> BufferedBody {
        BufferedBody::new(self.kept.take(), self.trailers)
    }

    /// Returns the trailers that say what came of the call, once all was read.
    pub(crate) fn last_words(&mut self) -> &HeaderMap {
        let web = self.web.as_mut().and_then(Reader::end);
        web.unwrap_or(&self.trailers)
    }

    /// What is wrong if this is the end: a body that is not as long as its head says
    /// is incomplete, however clean its end (RFC 9112, section 8).
    fn fault(&self) -> Option<BoxError> {
        let (told, size) = (self.told?, self.kept.size());
        let is_whole = told == size;
        (!is_whole).then(|| {
            format!("the response body has {size} bytes, but its head promises {told}").into()
        })
    }

    /// Reads the rest, and sends the client all of it. The end is told to the store
    /// before the client has it.
    ///
    /// While the answer may be kept, nobody waits for the client: one that does not read
    /// would hold the key. What it has yet to read is held instead.
    pub(crate) async fn pump<S: Store>(mut self, mut keeper: Keeper<S>, client: Mouth) {
        loop {
            let but = usize::from(self.is_last_known());
            self.send(&client, but).await;
            match self.next().await {
                Some(Ok(frame)) => self.take(frame),
                // Nobody knows how far the work came: the keeper goes with its lease.
                Some(Err(error)) => return client.send_now(Piece::Failed(error)),
                None => break,
            }
        }
        keeper.hear(self.last_words());
        let body = match self.kept.is_full() {
            true => record::Body::Omitted,
            false => record::Body::Kept(self.kept.take()),
        };
        match keeper.end(body, &self.trailers).await {
            true => self.finish(&client),
            false => client.send_now(Piece::Failed(LOST.into())),
        }
    }

    fn finish(self, client: &Mouth) {
        for data in self.unsent {
            client.send_now(Piece::Frame(Frame::data(data)));
        }
        if !self.trailers.is_empty() {
            let trailers = Frame::trailers(self.trailers);
            client.send_now(Piece::Frame(trailers));
        }
        client.send_now(Piece::End);
    }

    async fn next(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        match poll_fn(|cx| self.body.as_mut().poll_frame(cx)).await {
            Some(frame) => Some(frame.map_err(Into::into)),
            None => self.fault().map(Err),
        }
    }

    fn take(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            // It would be held back in the stead of the last.
            Ok(data) if data.is_empty() => {}
            Ok(data) => {
                if let Some(web) = &mut self.web {
                    web.read(&data);
                }
                // What is full stays so, and says so.
                let _ = self.kept.add(&data);
                self.unsent.push_back(data);
            }
            Err(frame) => self.trailers = frame.into_trailers().unwrap_or_default(),
        }
    }

    /// Whether the client could tell that it has all, if it had what was read.
    fn is_last_known(&self) -> bool {
        let has_trailers = self.web.as_ref().is_some_and(|it| it.trailers().is_some());
        has_trailers || self.told == Some(self.kept.size()) || self.body.is_end_stream()
    }

    /// Sends what was read, but for so many frames.
    async fn send(&mut self, client: &Mouth, but: usize) {
        while self.unsent.len() > but {
            let Some(data) = self.unsent.pop_front() else {
                return;
            };
            let piece = Piece::Frame(Frame::data(data));
            match self.kept.is_full() {
                true => client.send(piece).await,
                false => client.send_ahead(piece).await,
            }
        }
    }
}
