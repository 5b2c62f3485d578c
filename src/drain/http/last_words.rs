//! How a stream that does not end by itself is ended.

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};
use http_body::Frame;

use crate::{
    content::{ContentHeaders, Grpc, is_event_stream_type},
    refusal::{Reason, Refusal, trailers},
};

/// The last words of a response.
#[derive(Clone, Debug)]
pub(super) enum LastWords {
    /// The response ends by itself, or with the abort.
    None,
    /// Server-sent events end, with this event if there is one.
    Events {
        last_event: Option<Bytes>,
        /// The last two bytes that were sent: between two events, they are line
        /// breaks.
        tail: [u8; 2],
    },
    /// gRPC ends with trailers. The content type says which form it is.
    Grpc(HeaderValue),
}

impl LastWords {
    /// Returns those of a response with this head.
    pub(super) fn of(head: &HeaderMap, last_event: Option<&Bytes>) -> Self {
        match ContentHeaders::of(head).content_type {
            Some(content_type) if is_event_stream_type(content_type) => {
                // In a compressed body, plain text would be an error.
                let is_plain = !head.contains_key(CONTENT_ENCODING);
                Self::Events {
                    last_event: last_event.filter(|_| is_plain).cloned(),
                    tail: *b"\n\n",
                }
            }
            Some(content_type) if Grpc::of(content_type) == Some(Grpc::Plain) => {
                Self::Grpc(content_type.clone())
            }
            _ => Self::None,
        }
    }

    /// Returns whether the response has last words.
    pub(super) fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Notes what was sent.
    pub(super) fn sent<D: Buf>(&mut self, frame: &Frame<D>) {
        let Self::Events { tail, .. } = self else {
            return;
        };
        let data = frame.data_ref().map(Buf::chunk).unwrap_or_default();
        match data {
            [.., last_but_one, last] => *tail = [*last_but_one, *last],
            [only] => *tail = [tail[1], *only],
            [] => {}
        }
    }

    /// Returns the frame that ends the stream; `None` if it ends without one.
    pub(super) fn frame<D: From<Bytes>>(&self) -> Option<Frame<D>> {
        match self {
            Self::None => None,
            Self::Events { last_event, tail } => {
                let is_between = matches!(tail, [b'\n', b'\n'] | [b'\r', b'\r']);
                let event = last_event.clone().filter(|_| is_between)?;
                Some(Frame::data(event.into()))
            }
            Self::Grpc(content_type) => grpc_end(content_type, Reason::Draining),
        }
    }

    /// Returns the frame that ends the stream at the abort, if the protocol has
    /// one.
    pub(super) fn aborted<D>(&self) -> Option<Frame<D>> {
        match self {
            Self::Grpc(content_type) => grpc_end(content_type, Reason::Aborted),
            _ => None,
        }
    }
}

fn grpc_end<D>(content_type: &HeaderValue, reason: Reason) -> Option<Frame<D>> {
    let trailers = trailers(&Refusal::because(reason), Some(content_type));
    trailers.map(Frame::trailers)
}
