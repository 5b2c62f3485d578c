//! The decision of a limiter about one request, with the numbers for its client.
//!
//! Rules make decisions, limiters return them, and the layer turns them into
//! responses.

#[allow(clippy::module_inception)]
mod decision;
mod making;
mod verdict;

pub use self::{
    decision::Decision,
    verdict::{Denial, Verdict},
};
