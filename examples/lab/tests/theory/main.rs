//! The figures that theory knows, for the traffic of the comparison and for
//! traffic made to hurt.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod buckets;
mod promises;
mod queue;
mod support;
mod windows;
