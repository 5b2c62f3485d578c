//! Times, commands, CPU and memory of decisions in Redis, and whether scripts
//! decide as their rules do.

mod agreement;
mod checks;
mod server;
mod usage;

pub(super) use self::server::Server;
