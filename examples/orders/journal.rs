//! A file of all orders that were placed, which outlives the process.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use crate::store::Order;

/// Several processes may write the same file. Without a file, nothing is written.
#[derive(Debug)]
pub(crate) struct Journal(Option<File>);

impl Journal {
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().append(true).create(true).open(path);
        path.map(open).transpose().map(Self)
    }

    /// A line of JSON, by one write, so that it is there whole or not at all when
    /// the process is killed.
    pub(crate) fn write(&self, order: &Order) -> io::Result<()> {
        let Some(mut file) = self.0.as_ref() else {
            return Ok(());
        };
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        file.write_all(&line)
    }
}
