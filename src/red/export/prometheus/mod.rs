//! What was counted, as Prometheus reads it.
//!
//! Where the registry is all there is, [`scrape`] answers a Prometheus that asks
//! (feature `axum`), and [`Registry::prometheus`] is the text:
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
//! Where there is a registry of [`prometheus_client`] already, a [`Registry`] is
//! one of its collectors. It has no exemplars there: that crate lets nobody else
//! make one.
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
