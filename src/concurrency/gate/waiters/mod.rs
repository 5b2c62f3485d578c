//! The requests that wait at a gate.

mod wait_list;
mod waiter;
mod woken;

pub(super) use self::{
    wait_list::{QueuePlace, QueuedRequest, WaitList},
    waiter::{GrantedPermit, Left, WaiterCell},
    woken::Woken,
};
