//! Reads the trailers at the end of a body of gRPC-Web. `red` counts the status in
//! them, and `idempotency` decides by it what is kept.
//!
//! A body is a row of frames: a byte of flags, four of length, and so many more. The
//! frame whose flags have the bit 0x80 holds the trailers, as lines of text
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>).

mod base64;
mod reader;
#[cfg(test)]
mod tests;

pub(crate) use self::reader::Reader;
