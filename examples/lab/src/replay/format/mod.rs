//! Formats of recorded traffic: one line becomes one request, or the reason why
//! it cannot be read.

mod access_log;
mod clf;
mod csv;
mod detect;
mod fields;
mod format;
mod json;
mod key;
mod parser;
mod read;
mod time;
mod tree;
mod walk;

#[cfg(test)]
mod fuzz;

pub(crate) use self::{
    detect::detect,
    fields::Fields,
    parser::Parser,
    read::{Read, Request, Unreadable},
};
pub use self::{format::Format, key::KeySpec};
