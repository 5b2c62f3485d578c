//! The lab: which limiter, and which limit?
//!
//! It plays traffic through every rule of `sluicegate` and through its peers, in
//! virtual time, and tells which requests of which client would have passed.
//!
//! ```text
//! cargo run --release -p lab -- compare
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`compare`] | made-up traffic, played through all rules |
//! | [`replay`] | recorded traffic, played through the limits of your choice |
//! | [`recommend`] | the smallest limit that refuses no more than a given share |
//! | [`results`] | the files `results.json` and `measured.json` |
//! | [`report`] | the page `report.html` and the plots |

pub mod compare;
pub mod recommend;
pub mod replay;
pub mod report;
pub mod results;
