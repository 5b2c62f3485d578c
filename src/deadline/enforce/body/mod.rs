//! The response body of the layer, and the bodies that it is made of.

mod body_deadline;
mod expiring_body;
mod response_body;
mod scoped_body;
mod shared_body;

pub use self::response_body::ResponseBody;
pub(super) use self::{
    body_deadline::BodyDeadline, expiring_body::ExpiringBody, scoped_body::ScopedBody,
};
