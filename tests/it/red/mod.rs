//! Every request is counted once, whatever happens to it.

mod support;

mod crowd;
mod grpc;
mod labels;
mod law;
mod servers;
