//! Reads the result of an attempt: whether it has failed, how far the call
//! has come, and when the server wants it again.

mod errors;
mod finding;
mod read_error;
mod responses;

pub use self::finding::Progress;
pub(super) use self::{
    errors::{find_in_error, find_not_sent},
    finding::{Delay, Finding},
    read_error::{ErrorReader, ReadError},
    responses::{Head, find_in_head, find_in_trailers},
};
