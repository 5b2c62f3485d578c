//! Exporting what is counted: Prometheus, the `metrics` facade, OpenTelemetry,
//! and the trait for other exporters.
//!
//! [Prometheus](prometheus) reads a snapshot when it scrapes. The others are
//! notified of each request through [`Export`]. All of them use the names of
//! [`Metric`], which follow OpenTelemetry's semantic conventions.

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
