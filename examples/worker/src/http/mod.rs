//! The API: orders and cancellations come in, dead letters are listed and put back,
//! and metrics go out.

mod admission;
mod cancel;
mod dead_letters;
mod keys;
mod metrics;
mod orders;
mod problem;
mod routes;
mod state;
mod writer;

pub(crate) use self::{metrics::Export, routes::routes};
