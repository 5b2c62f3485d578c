//! RED metrics of a whole fleet, in Redis.

mod builder;
mod client;
mod in_flight;
mod label_codec;
mod random;
mod reading;
pub mod redis;
mod reply;
mod resolution;
mod series_id;
mod shipping;
