//! Tests of the exports.

mod dashboards;
mod facade;
mod observed;
mod opentelemetry;
mod prometheus;
mod promtool;
mod support;
mod told;
