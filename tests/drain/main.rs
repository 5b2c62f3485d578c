//! Drains: what becomes of requests, streams, tasks and connections in each
//! stage.
//!
//! The first part runs in tokio's paused time. The second runs real servers with
//! real clients: curl, a WebSocket client, tonic's client, `grpcio`, and nginx
//! in front. `SLUICEGATE_DRAIN=long` adds the test with `grpcio`, which needs a Python
//! that has it (`SLUICEGATE_PYTHON`), and more load.

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

mod budget;
mod cancellation;
mod guards;
mod hooks;
mod idempotency;
mod layer;
mod load;
mod servers;
mod stages;
mod streams;
mod support;
