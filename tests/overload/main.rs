//! Limits of concurrency, their queues and priorities, from outside.

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

mod adaptive;
mod gate;
mod keyed;
mod law;
mod layer;
mod layer_grpc;
mod layer_http;
mod layer_rules;
mod layer_samples;
mod netflix;
mod own_limit;
mod priority_law;
mod queue;
mod settings;
#[allow(unreachable_pub, reason = "it is a module of a binary")]
mod sim;
#[allow(unreachable_pub, reason = "it is a module of a binary")]
mod support;
mod uncounted;
mod windows;
