//! Real servers with real clients.
//!
//! Their time stands still, and the tests move it, so a slow machine changes no
//! outcome.

mod app;
mod curl;
mod grpc;
mod nginx;
mod time;
mod websocket;
