//! Bodies compressed with LZ4.

use bytes::Bytes;
use lz4_flex::block;

use super::error::RecordError;

/// No byte of a block stands for more than this.
const DENSEST: usize = 255;

/// The plain length and the block, if that is shorter.
pub(super) fn compress(plain: &[u8]) -> Option<(u32, Vec<u8>)> {
    let length = u32::try_from(plain.len()).ok()?;
    let packed = block::compress(plain);
    (packed.len() < plain.len()).then_some((length, packed))
}

pub(super) fn decompress(packed: &[u8], length: u32) -> Result<Bytes, RecordError> {
    let length = usize::try_from(length).map_err(|_| RecordError::Malformed)?;
    // A length that is made up does not get any memory.
    if length / DENSEST > packed.len() {
        return Err(RecordError::Malformed);
    }
    match block::decompress(packed, length) {
        Ok(plain) if plain.len() == length => Ok(plain.into()),
        _ => Err(RecordError::Malformed),
    }
}
