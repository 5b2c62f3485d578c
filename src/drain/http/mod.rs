//! The layer that tracks requests to the end of their bodies.

mod body;
mod future;
mod last_words;
mod layer;
mod pending;
mod service;
mod settings;

pub use self::{body::ResponseBody, future::ResponseFuture, layer::DrainLayer, service::Draining};
