//! Telling others what is counted.

pub(super) mod attributes;
pub(super) mod conventions;
mod export;
pub(super) mod family;
pub(super) mod metric;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod metrics;
#[cfg(feature = "opentelemetry")]
#[cfg_attr(docsrs, doc(cfg(feature = "opentelemetry")))]
pub mod opentelemetry;
#[cfg(feature = "prometheus")]
#[cfg_attr(docsrs, doc(cfg(feature = "prometheus")))]
pub mod prometheus;

pub(super) use self::export::{ExportHooks, Exports, Recorders, completion_recorders, record};
pub use self::{conventions::Conventions, export::Export, metric::Metric};
