//! What travels between a limiter and Redis: requests, the batches in which they
//! are sent, and the replies.

pub(crate) mod batch;
pub(crate) mod pending;
pub(crate) mod replay;
pub(crate) mod request;
