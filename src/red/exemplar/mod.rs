//! Exemplars: the traces of single requests that stand for the others of their
//! bucket. OpenMetrics exports them.

#![cfg_attr(not(feature = "testing"), allow(unreachable_pub))]

mod exemplars;
mod trace_id;

pub(crate) use self::exemplars::{Exemplar, Exemplars, newest};
pub use self::trace_id::TraceId;
