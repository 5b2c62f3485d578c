//! Everything that a registry has counted, for Prometheus.
//!
//! If the registry is the only one in the process, [`scrape`] answers scrapes
//! (feature `axum`), and
//! [`Registry::prometheus`](crate::red::Registry::prometheus) returns the text:
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::{Router, routing::get};
//! use sluicegate::red::{RedLayer, Registry, prometheus};
//!
//! let metrics = Registry::new();
//! let app: Router = Router::new()
//!     .route("/orders/{id}", get(|| async { "hello" }))
//!     .layer(RedLayer::server(&metrics))
//!     // Below the layer, so that scrapes are not counted.
//!     .route("/metrics", prometheus::scrape(&metrics));
//! # let _ = app;
//! # }
//! ```
//!
//! If there already is a registry of [`prometheus_client`], a
//! [`Registry`](crate::red::Registry) is one of its collectors. It has no
//! exemplars there, because that crate does not let others construct them.
//!
//! ```
//! use sluicegate::red::Registry;
//!
//! let metrics = Registry::new();
//! let mut all = prometheus_client::registry::Registry::default();
//! all.register_collector(Box::new(metrics.clone()));
//! ```

mod accept;
mod collector;
mod components;
pub(crate) mod exposition;
mod format;
mod gather;
#[cfg(feature = "axum")]
mod scrape;
mod text;

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub use self::scrape::scrape;
