//! Bodies compressed with LZ4. Without the feature `idempotency-compression`,
//! no body is compressed, and a compressed one is an error.

use bytes::Bytes;
#[cfg(feature = "idempotency-compression")]
use lz4_flex::block;

use super::error::RecordError;

/// The most bytes that one byte of a block can stand for.
#[cfg(feature = "idempotency-compression")]
const MAX_RATIO: usize = 255;

/// Returns the plain length and the block, if the block is shorter.
#[cfg(feature = "idempotency-compression")]
pub(super) fn compress(plain: &[u8]) -> Option<(u32, Vec<u8>)> {
    let length = u32::try_from(plain.len()).ok()?;
    let packed = block::compress(plain);
    (packed.len() < plain.len()).then_some((length, packed))
}

/// Compresses nothing.
#[cfg(not(feature = "idempotency-compression"))]
pub(super) fn compress(_: &[u8]) -> Option<(u32, Vec<u8>)> {
    None
}

/// Returns the plain body.
#[cfg(feature = "idempotency-compression")]
pub(super) fn decompress(packed: &[u8], length: u32) -> Result<Bytes, RecordError> {
    let length = usize::try_from(length).map_err(|_| RecordError::Malformed)?;
    // Checked first, so that a forged length does not allocate memory.
    if length / MAX_RATIO > packed.len() {
        return Err(RecordError::Malformed);
    }
    match block::decompress(packed, length) {
        Ok(plain) if plain.len() == length => Ok(plain.into()),
        _ => Err(RecordError::Malformed),
    }
}

/// Fails, because the feature is missing.
#[cfg(not(feature = "idempotency-compression"))]
pub(super) fn decompress(_: &[u8], _: u32) -> Result<Bytes, RecordError> {
    Err(RecordError::Compressed)
}
