//! Every request is counted once, whatever happens to it.

mod support;

mod callers;
mod crowd;
mod export;
mod grpc;
mod kinds;
mod labels;
mod law;
mod lengths;
mod observers;
mod overload;
mod refused;
mod servers;
mod settled;
mod slo;
mod web;
