//! One TCP connection to a server: calls on it, and whether each reply belongs
//! to its call.
//!
//! A call has a number, which the reply has to bring back (`call`). A
//! connection is closed as soon as one does not (`connection`). Each runtime
//! has its own connection to a server (`per_runtime`).

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
