//! The work that a drain waits for: requests, and what guards hold.

mod current;
mod guard;
mod guarded;
mod hooks;
mod in_flight;
mod ledger;
mod slots;
mod ticket;
mod tracked;
mod work_name;

pub(crate) use self::current::{Current, current_state};
pub use self::{
    guard::DrainGuard,
    guarded::{Aborted, Guarded},
    ledger::WorkCounts,
};
pub(super) use self::{
    hooks::Hooks, in_flight::InFlight, ledger::Ledger, ticket::Ticket, tracked::Tracked,
    work_name::WorkName,
};
