//! The response body of the layer, and the bodies that it is made of.
//!
//! A [`ResponseBody`] polls its inner body either directly, or as a
//! [`ScopedBody`], which shows the deadline to it, or as an [`ExpiringBody`],
//! which the timer drops at the deadline, too.

mod body_deadline;
mod expiring_body;
mod response_body;
mod scoped_body;
mod shared_body;

pub use self::response_body::ResponseBody;
pub(super) use self::{
    body_deadline::BodyDeadline, expiring_body::ExpiringBody, scoped_body::ScopedBody,
};
