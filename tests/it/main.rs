//! The limits as their users meet them: behind the layer, in axum and tonic
//! servers over real sockets, in streams and sinks, and asked directly.
//!
//! Nothing here sleeps or looks at a wall clock: time is a
//! [`Manual`](sluicegate::clock::Manual) clock, or tokio's, paused.

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

mod all;
mod bodies;
mod deadline;
mod grpc;
mod hold;
mod http;
mod key;
#[path = "../support/keys.rs"]
mod keys;
mod late;
mod layer;
mod local;
mod pace;
mod panics;
mod peers;
mod propagate;
mod readiness;
mod red;
#[path = "../support/runtimes.rs"]
mod runtimes;
mod settle;
mod several;
mod sharing;
mod support;
mod waiting;
