//! Retries of calls.

mod bodies;
mod cancellation;
mod deadlines;
mod decisions;
mod idempotency;
mod law;
mod nested;
mod refusals;
mod sockets;
mod storm;
mod support;
mod table;
mod trailers;
