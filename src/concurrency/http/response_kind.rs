//! Tells responses whose duration counts from streams, which last as long as
//! their callers like.

use bytes::Buf;
use http::Response;

use super::uncounted::Uncounted;
use crate::{content::Grpc, red::ResponseEnd};

/// The flag and the length before each message of gRPC.
const PREFIX_BYTES: usize = 5;

/// Whether the duration of a response counts.
pub(super) enum ResponseKind {
    /// It counts.
    Single,
    /// It counts unless a second message comes.
    Grpc(Messages),
    /// It does not count.
    Stream,
}

/// The position in the first message of a gRPC response.
#[derive(Default)]
pub(super) struct Messages {
    /// The bytes of the prefix so far, and how many they are.
    prefix: [u8; PREFIX_BYTES],
    filled: usize,
    /// The bytes of the message so far.
    read: u64,
}

impl ResponseKind {
    /// Returns the kind by the head of a response to a request of this form.
    #[inline]
    pub(super) fn of<B>(response: &Response<B>, end: &ResponseEnd, asked: Option<Grpc>) -> Self {
        let is_marked = || response.extensions().get::<Uncounted>().is_some();
        match asked {
            _ if end.is_event_stream || is_marked() => Self::Stream,
            // A body in base64, or with its trailers in it, is not followed.
            Some(Grpc::Plain) => Self::Grpc(Messages::default()),
            _ => Self::Single,
        }
    }

    #[inline]
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream)
    }

    /// Takes data of the body into account.
    #[inline]
    pub(super) fn data<D: Buf>(&mut self, data: &D) {
        if let Self::Grpc(messages) = self
            && messages.has_second(data)
        {
            *self = Self::Stream;
        }
    }
}

impl Messages {
    /// Reads the next data. Returns whether a second message has begun.
    fn has_second<D: Buf>(&mut self, data: &D) -> bool {
        // The prefix is in the first contiguous bytes of all buffers that
        // servers have; of others it is read too late, and the response counts.
        let missing = PREFIX_BYTES - self.filled;
        let start = data.chunk();
        let start = &start[..start.len().min(missing)];
        self.prefix[self.filled..][..start.len()].copy_from_slice(start);
        self.filled += start.len();
        self.read += (data.remaining() - start.len()) as u64;
        let [_, length @ ..] = self.prefix;
        self.filled == PREFIX_BYTES && self.read > u64::from(u32::from_be_bytes(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns after which piece a second message has begun.
    fn second(pieces: &[&[u8]]) -> Option<usize> {
        let mut messages = Messages::default();
        pieces.iter().position(|piece| messages.has_second(piece))
    }

    #[test]
    fn a_second_message_is_found_wherever_the_body_is_cut() {
        let body = b"\0\0\0\0\x02hi\0\0\0\0\0";
        for first in 0..=body.len() {
            for length in 0..=body.len() - first {
                let (start, rest) = body.split_at(first);
                let (middle, end) = rest.split_at(length);
                let pieces = [start, middle, end];
                let read = [first, first + length, body.len()];
                let expected = read.iter().position(|read| *read > 7);
                assert_eq!(second(&pieces), expected, "{pieces:?}");
            }
        }
    }

    #[test]
    fn one_message_is_no_stream_even_if_it_is_empty() {
        assert_eq!(second(&[b"\0\0\0\0\x02hi", b""]), None);
        assert_eq!(second(&[b"\0\0\0\0\0"]), None);
        assert_eq!(second(&[b"\0\0\0\0\0", b"\0"]), Some(1));
        assert_eq!(second(&[b"\0\xff\xff\xff\xff"]), None);
    }
}
