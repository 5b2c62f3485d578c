//! Requests, the batches in which they travel to Redis, and the replies.

pub(crate) mod batch;
pub(crate) mod pending;
pub(crate) mod replay;
pub(crate) mod request;
mod taken_as;
