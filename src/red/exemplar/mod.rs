//! Requests that stand for the others of their bucket.

mod exemplars;
mod trace_id;

pub(super) use self::exemplars::{Exemplars, newest};
pub use self::{
    exemplars::Exemplar,
    trace_id::{TraceId, traceparent},
};
