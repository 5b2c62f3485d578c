//! One TCP connection to a server: calls on it, and whether each reply belongs
//! to its call.

mod call;
mod connection;
mod deadline;
mod per_runtime;

pub(crate) use self::{
    call::{Call, CallReply, Echo, Numbers},
    connection::Wire,
    deadline::CallDeadline,
    per_runtime::RuntimeWires,
};
