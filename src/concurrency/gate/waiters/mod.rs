//! The requests that wait at a gate.

mod wait_list;
mod waiter;
mod woken;

pub(super) use self::{
    wait_list::{Place, QueuedRequest, WaitList},
    waiter::{Grant, Left, Waiter},
    woken::Woken,
};
