//! Retries of calls.

mod bodies;
mod cancellation;
mod deadlines;
mod decisions;
mod law;
mod nested;
mod refusals;
mod sockets;
mod storm;
mod support;
mod table;
mod trailers;
