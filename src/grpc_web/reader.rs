//! Follows the frames of a body up to its trailers.
//!
//! ```text
//! Prefix ──► Message ──► Prefix ──► ... ──► Prefix ──► Trailers ──► End
//! ```
//!
//! A body that cannot be followed is `Lost`. The bytes go to the client as they
//! are in any case, because a reader only watches.

use std::io::IoSlice;

use bytes::Buf;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::base64::Decoder;
use crate::content::Grpc;

/// The bytes of trailers that are read. A status with its message and details
/// is mostly less than 1 KiB.
pub(super) const MAX_TRAILER_BYTES: usize = 8 * 1_024;

/// The flag of a frame with trailers.
pub(super) const TRAILERS_FLAG: u8 = 0x80;

/// Reads a gRPC-Web body in pieces of any size. It keeps only the trailers, and
/// at most 8 KiB of them.
#[derive(Debug)]
pub(crate) struct Reader {
    /// For bodies in base64.
    decoder: Option<Decoder>,
    /// The position in the stream of frames.
    position: FramePosition,
}

/// The position of the reader in a body.
#[derive(Debug)]
enum FramePosition {
    /// In the prefix of a frame: its bytes, and how many of them have been
    /// read.
    Prefix([u8; PREFIX_BYTES], usize),
    /// In a message, with so many bytes left.
    Message(u32),
    /// In the trailers, with so many bytes left.
    Trailers(u32, Vec<u8>),
    /// After the trailers.
    End(HeaderMap),
    /// Unknown, because the body is malformed.
    Lost,
}

/// The bytes before the data of a frame: flags and length.
const PREFIX_BYTES: usize = 5;

impl Reader {
    /// Creates a reader for bodies of this form; `None` for gRPC over HTTP/2,
    /// whose trailers are not in the body.
    pub(crate) fn new(form: Grpc) -> Option<Self> {
        let decoder = match form {
            Grpc::Plain => return None,
            Grpc::Web => None,
            Grpc::WebText => Some(Decoder::default()),
        };
        let position = FramePosition::Prefix([0; PREFIX_BYTES], 0);
        Some(Self { decoder, position })
    }

    /// Reads the next piece of the body.
    pub(crate) fn read<D: Buf>(&mut self, data: &D) {
        // 16 slices are more than the buffers of hyper and tonic have. With
        // more the rest would be skipped, so the position is lost.
        let mut pieces = [IoSlice::new(&[]); 16];
        let filled = data.chunks_vectored(&mut pieces);
        let pieces = &pieces[..filled];
        let read: usize = pieces.iter().map(|piece| piece.len()).sum();
        pieces.iter().for_each(|piece| self.piece(piece));
        if read != data.remaining() && self.trailers().is_none() {
            self.position = FramePosition::Lost;
        }
    }

    /// Returns the trailers if all of them have arrived.
    pub(crate) fn trailers(&self) -> Option<&HeaderMap> {
        match &self.position {
            FramePosition::End(trailers) => Some(trailers),
            _ => None,
        }
    }

    /// Ends the body, and returns the trailers if there were any.
    pub(crate) fn end(&mut self) -> Option<&HeaderMap> {
        // The last piece of base64 may lack its padding.
        let rest = self.decoder.as_mut().and_then(Decoder::end);
        if let Some(rest) = rest {
            self.position.read(rest.as_slice());
        }
        self.trailers()
    }

    /// Reads contiguous bytes of the body.
    fn piece(&mut self, mut piece: &[u8]) {
        let Some(decoder) = &mut self.decoder else {
            return self.position.read(piece);
        };
        while !piece.is_empty() && !self.position.is_final() {
            match decoder.decode(&mut piece) {
                Ok(bytes) => self.position.read(bytes.as_slice()),
                Err(_) => self.position = FramePosition::Lost,
            }
        }
    }
}

impl FramePosition {
    /// Returns whether further bytes do not matter.
    fn is_final(&self) -> bool {
        matches!(self, Self::End(_) | Self::Lost)
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_final() {
            bytes = self.step(bytes);
        }
    }

    /// Reads up to the next position, and returns the bytes after it.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Prefix(prefix, filled) => {
                let (more, rest) = bytes.split_at(bytes.len().min(PREFIX_BYTES - *filled));
                prefix[*filled..*filled + more.len()].copy_from_slice(more);
                *filled += more.len();
                if *filled == PREFIX_BYTES {
                    *self = Self::after(*prefix);
                }
                rest
            }
            Self::Message(left) => {
                let (_, rest) = split(bytes, left);
                if *left == 0 {
                    *self = Self::Prefix([0; PREFIX_BYTES], 0);
                }
                rest
            }
            Self::Trailers(left, kept) => {
                let (more, rest) = split(bytes, left);
                kept.extend_from_slice(&more[..more.len().min(MAX_TRAILER_BYTES - kept.len())]);
                if *left == 0 {
                    *self = Self::End(parse(kept));
                }
                rest
            }
            Self::End(_) | Self::Lost => &[],
        }
    }

    /// Returns the position after the prefix of a frame.
    fn after([flags, length @ ..]: [u8; PREFIX_BYTES]) -> Self {
        let is_trailers = flags & TRAILERS_FLAG != 0;
        match (is_trailers, u32::from_be_bytes(length)) {
            (true, 0) => Self::End(HeaderMap::new()),
            (true, left) => Self::Trailers(left, Vec::new()),
            (false, 0) => Self::Prefix([0; PREFIX_BYTES], 0),
            (false, left) => Self::Message(left),
        }
    }
}

/// Splits off as many bytes as are left of the frame.
fn split<'a>(bytes: &'a [u8], left: &mut u32) -> (&'a [u8], &'a [u8]) {
    let most = usize::try_from(*left).unwrap_or(usize::MAX);
    let (more, rest) = bytes.split_at(bytes.len().min(most));
    // At most `left`, so the cast does not truncate.
    *left -= more.len() as u32;
    (more, rest)
}

/// Parses lines of `name: value`. Malformed lines are left out.
fn parse(lines: &[u8]) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let lines = match lines.len() < MAX_TRAILER_BYTES {
        true => lines,
        // The limit may have cut the last line.
        false => &lines[..lines.iter().rposition(|it| *it == b'\n').unwrap_or(0)],
    };
    for line in lines.split(|it| *it == b'\n') {
        if let Some((name, value)) = header(line) {
            trailers.append(name, value);
        }
    }
    trailers
}

/// Parses one line.
fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|it| *it == b':')?;
    let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
    let name = HeaderName::from_bytes(name).ok()?;
    Some((name, HeaderValue::from_bytes(value).ok()?))
}
