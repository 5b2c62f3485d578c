//! Reads the trailers at the end of a gRPC-Web body. `red` counts the status in
//! them, and `idempotency` decides by it whether to store the response.
//!
//! HTTP/1.1 and scripts in browsers cannot read HTTP trailers, so gRPC-Web puts
//! them into the body.
//!
//! A body is a sequence of frames: one byte of flags, four bytes of length, and
//! the data. The frame with the flag 0x80 contains the trailers, as lines of
//! text (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>).

mod base64;
mod reader;
#[cfg(test)]
mod tests;

pub(crate) use self::reader::Reader;
