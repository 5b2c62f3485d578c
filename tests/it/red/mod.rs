//! Every request is counted once, whatever happens to it.

mod support;

mod crowd;
mod export;
mod grpc;
mod labels;
mod law;
mod observers;
mod refused;
mod servers;
mod slo;
