//! Reads a body to its end, for the record and for the client.

use std::{collections::VecDeque, future::poll_fn, mem, pin::Pin, task::Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame};

use super::{
    keeper::Keeper,
    pipe::{Mouth, Piece},
    record,
    store::Store,
    whole::Whole,
};
use crate::{head::content_length, refusal::BoxError};

/// Said to a client whose answer is not the one that counts.
const LOST: &str = "the request took so long that another has taken it over: ask again";

/// A body that is read for the record and for the client.
pub(super) struct Tee<B> {
    body: Pin<Box<B>>,
    kept: Kept,
    /// What the client has yet to get.
    unsent: VecDeque<Bytes>,
    /// How long the body is, if it says so.
    length: Option<u64>,
    /// How long the client is told that it is, by the body or by its head.
    told: Option<u64>,
    trailers: HeaderMap,
    failed: Option<BoxError>,
}

/// What is kept of a body.
struct Kept {
    most: usize,
    /// How much there was to keep.
    size: u64,
    /// The first of it, which most often is all of it.
    first: Bytes,
    /// The first and the others, once there are others.
    all: BytesMut,
}

impl Kept {
    fn add(&mut self, data: &Bytes) {
        let is_first = self.size == 0;
        self.size += data.len() as u64;
        if self.is_too_much() {
            (self.first, self.all) = Default::default();
        } else if is_first {
            self.first = data.clone();
        } else {
            self.all.extend_from_slice(&mem::take(&mut self.first));
            self.all.extend_from_slice(data);
        }
    }

    fn is_too_much(&self) -> bool {
        self.size > self.most as u64
    }

    fn take(&mut self) -> Bytes {
        match self.all.is_empty() {
            true => mem::take(&mut self.first),
            false => self.all.split().freeze(),
        }
    }
}

impl<B> Tee<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    /// A body behind this head, of which at most so many bytes are kept.
    pub(super) fn new(head: &HeaderMap, body: B, most: usize) -> Self {
        let length = body.size_hint().exact();
        Self {
            length,
            told: length.or_else(|| content_length(head)),
            body: Box::pin(body),
            kept: Kept {
                most,
                size: 0,
                first: Bytes::new(),
                all: BytesMut::new(),
            },
            unsent: VecDeque::new(),
            trailers: HeaderMap::new(),
            failed: None,
        }
    }

    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Reads what is there at once; whether that is all, and not too much.
    pub(super) async fn gather(&mut self) -> bool {
        while !self.kept.is_too_much() {
            let polled = poll_fn(|cx| Poll::Ready(self.body.as_mut().poll_frame(cx)));
            match polled.await {
                Poll::Ready(Some(Ok(frame))) => self.take(frame),
                Poll::Ready(Some(Err(error))) => self.failed = Some(error.into()),
                Poll::Ready(None) => return true,
                Poll::Pending => return false,
            }
            if self.failed.is_some() {
                return false;
            }
        }
        false
    }

    /// What was gathered, if that was all.
    pub(super) fn into_whole(mut self) -> Whole {
        Whole::new(self.kept.take(), self.trailers)
    }

    /// Reads the rest, and sends the client all of it. The end is told to the store
    /// before the client has it.
    pub(super) async fn pump<S: Store>(mut self, keeper: Keeper<S>, mut client: Mouth) {
        loop {
            self.send(&mut client, usize::from(self.is_last_known()))
                .await;
            match self.next().await {
                Some(Ok(frame)) => self.take(frame),
                // Nobody knows how far the work came: the keeper goes with its lease.
                Some(Err(error)) => return client.send(Piece::Failed(error)).await,
                None => break,
            }
        }
        let body = match self.kept.is_too_much() {
            true => record::Body::Omitted,
            false => record::Body::Kept(self.kept.take()),
        };
        match keeper.end(body, &self.trailers).await {
            true => self.finish(client).await,
            false => client.send(Piece::Failed(LOST.into())).await,
        }
    }

    async fn finish(mut self, mut client: Mouth) {
        self.send(&mut client, 0).await;
        if !self.trailers.is_empty() {
            let trailers = Frame::trailers(self.trailers);
            client.send(Piece::Frame(trailers)).await;
        }
        client.send(Piece::End).await;
    }

    async fn next(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let frame = poll_fn(|cx| self.body.as_mut().poll_frame(cx)).await?;
        Some(frame.map_err(Into::into))
    }

    fn take(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            // It would be held back in the stead of the last.
            Ok(data) if data.is_empty() => {}
            Ok(data) => {
                self.kept.add(&data);
                self.unsent.push_back(data);
            }
            Err(frame) => self.trailers = frame.into_trailers().unwrap_or_default(),
        }
    }

    /// Whether the client could tell that it has all, if it had what was read.
    fn is_last_known(&self) -> bool {
        self.told == Some(self.kept.size) || self.body.is_end_stream()
    }

    /// Sends what was read, but for so many frames.
    async fn send(&mut self, client: &mut Mouth, but: usize) {
        while self.unsent.len() > but {
            let Some(data) = self.unsent.pop_front() else {
                return;
            };
            client.send(Piece::Frame(Frame::data(data))).await;
        }
    }
}
