//! What is counted, told to others.

mod facade;
mod opentelemetry;
mod prometheus;
mod support;
mod told;
