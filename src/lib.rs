//! Placeholder.
#![cfg_attr(docsrs, feature(doc_cfg))]
pub mod clock;
pub mod key;
pub mod limit;
pub mod refusal;
mod sync;
