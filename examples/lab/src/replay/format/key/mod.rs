//! Which part of a line is the key of a request, and how it is read.

mod client;
mod key_reader;
mod key_spec;

pub(super) use self::key_reader::KeyReader;
pub use self::key_spec::KeySpec;
