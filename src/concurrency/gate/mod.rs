//! The gate: decides who is served now, who waits and who is refused. It knows
//! neither HTTP nor where a limit comes from. All limiters of this module are
//! gates whose limit moves, or not.

mod enter;
mod entry;
mod gate;
#[cfg(all(test, sluicegate_loom))]
mod loom;
mod owner;
mod permit;
mod queue;
mod reserves;
mod serve;
mod service_time;
mod usage;
mod waiters;
mod word;
mod work;

pub use self::{
    entry::{Entry, Waiting},
    permit::Permit,
    queue::Queue,
    usage::{Load, Usage},
    work::WorkEnd,
};
pub(crate) use self::{
    gate::{Gate, GateSettings},
    owner::Owner,
    reserves::Reserves,
    word::MAX_LIMIT,
    work::Work,
};
