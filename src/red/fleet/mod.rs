//! RED metrics of a whole fleet, in Redis: each instance ships what it has
//! counted, and any process can read the sum.
//!
//! [`shipping`] writes and [`reading`] reads; both call `lua/red.lua` through
//! the [client](client). A histogram is stored under a [series id](series_id),
//! and its labels are written by the [label codec](label_codec), so that
//! instances with different versions of this crate understand each other.

mod builder;
mod client;
mod in_flight;
mod label_codec;
mod reading;
pub mod redis;
mod reply;
mod resolution;
mod series_id;
mod shipping;
