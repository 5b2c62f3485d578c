//! The reader of a body's frames.

use std::io::IoSlice;

use bytes::Buf;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::base64::Decoder;
use crate::content::Grpc;

/// How much of the trailers is read. A status with its message and details is
/// mostly less than 1 KiB.
pub(super) const MOST: usize = 8 * 1_024;

/// The bit of trailers among the flags of a frame.
pub(super) const TRAILERS: u8 = 0x80;

/// Reads a body of gRPC-Web up to its trailers, in whatever pieces it comes. It
/// keeps nothing but the trailers, of which it reads the first 8 KiB.
#[derive(Debug)]
pub(crate) struct Reader {
    decoder: Option<Decoder>,
    place: Place,
}

/// Where in a body the reader is.
#[derive(Debug)]
enum Place {
    /// In what comes before each frame, of which so much has been read.
    Prefix([u8; PREFIX], usize),
    /// In a message, of which so much is left.
    Message(u32),
    /// In the trailers, of which so much is left.
    Trailers(u32, Vec<u8>),
    End(HeaderMap),
    /// Somewhere: what came could not be read.
    Lost,
}

const PREFIX: usize = 5;

impl Reader {
    /// Reads bodies of this form; `None` if that is gRPC over HTTP/2, whose trailers
    /// are not in the body.
    pub(crate) fn new(form: Grpc) -> Option<Self> {
        let decoder = match form {
            Grpc::Plain => return None,
            Grpc::Web => None,
            Grpc::WebText => Some(Decoder::default()),
        };
        let place = Place::Prefix([0; PREFIX], 0);
        Some(Self { decoder, place })
    }

    /// Reads the next piece of the body.
    pub(crate) fn read<D: Buf>(&mut self, data: &D) {
        let mut pieces = [IoSlice::new(&[]); 16];
        let filled = data.chunks_vectored(&mut pieces);
        let pieces = &pieces[..filled];
        let read: usize = pieces.iter().map(|piece| piece.len()).sum();
        pieces.iter().for_each(|piece| self.piece(piece));
        if read != data.remaining() && self.trailers().is_none() {
            self.place = Place::Lost;
        }
    }

    /// Returns the trailers, once all of them have come.
    pub(crate) fn trailers(&self) -> Option<&HeaderMap> {
        match &self.place {
            Place::End(trailers) => Some(trailers),
            _ => None,
        }
    }

    /// Takes note that no more comes, and returns the trailers if there were any.
    pub(crate) fn end(&mut self) -> Option<&HeaderMap> {
        // A last piece of base64 may have no padding.
        let rest = self.decoder.as_mut().and_then(Decoder::end);
        if let Some(rest) = rest {
            self.place.read(rest.as_slice());
        }
        self.trailers()
    }

    fn piece(&mut self, mut piece: &[u8]) {
        let Some(decoder) = &mut self.decoder else {
            return self.place.read(piece);
        };
        while !piece.is_empty() && !self.place.is_final() {
            match decoder.decode(&mut piece) {
                Ok(bytes) => self.place.read(bytes.as_slice()),
                Err(_) => self.place = Place::Lost,
            }
        }
    }
}

impl Place {
    fn is_final(&self) -> bool {
        matches!(self, Self::End(_) | Self::Lost)
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_final() {
            bytes = self.step(bytes);
        }
    }

    /// Reads up to the next place, and returns what comes after it.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Prefix(prefix, filled) => {
                let (more, rest) = bytes.split_at(bytes.len().min(PREFIX - *filled));
                prefix[*filled..*filled + more.len()].copy_from_slice(more);
                *filled += more.len();
                if *filled == PREFIX {
                    *self = Self::after(*prefix);
                }
                rest
            }
            Self::Message(left) => {
                let (_, rest) = split(bytes, left);
                if *left == 0 {
                    *self = Self::Prefix([0; PREFIX], 0);
                }
                rest
            }
            Self::Trailers(left, kept) => {
                let (more, rest) = split(bytes, left);
                kept.extend_from_slice(&more[..more.len().min(MOST - kept.len())]);
                if *left == 0 {
                    *self = Self::End(parse(kept));
                }
                rest
            }
            Self::End(_) | Self::Lost => &[],
        }
    }

    fn after([flags, length @ ..]: [u8; PREFIX]) -> Self {
        let is_trailers = flags & TRAILERS != 0;
        match (is_trailers, u32::from_be_bytes(length)) {
            (true, 0) => Self::End(HeaderMap::new()),
            (true, left) => Self::Trailers(left, Vec::new()),
            (false, 0) => Self::Prefix([0; PREFIX], 0),
            (false, left) => Self::Message(left),
        }
    }
}

/// Takes as much as is left.
fn split<'a>(bytes: &'a [u8], left: &mut u32) -> (&'a [u8], &'a [u8]) {
    let most = usize::try_from(*left).unwrap_or(usize::MAX);
    let (more, rest) = bytes.split_at(bytes.len().min(most));
    // It is at most `left`, so it fits.
    *left -= more.len() as u32;
    (more, rest)
}

/// Reads lines of `name: value`. A line that cannot be read is left out, such as one
/// that was cut.
fn parse(lines: &[u8]) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let lines = match lines.len() < MOST {
        true => lines,
        // The last line may have been cut.
        false => &lines[..lines.iter().rposition(|it| *it == b'\n').unwrap_or(0)],
    };
    for line in lines.split(|it| *it == b'\n') {
        if let Some((name, value)) = header(line) {
            trailers.append(name, value);
        }
    }
    trailers
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|it| *it == b':')?;
    let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
    let name = HeaderName::from_bytes(name).ok()?;
    Some((name, HeaderValue::from_bytes(value).ok()?))
}
