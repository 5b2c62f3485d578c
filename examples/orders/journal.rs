//! A file with all orders that were placed. It outlives the process.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use crate::store::Order;

/// Several processes may write to the same file. `None` writes nothing.
#[derive(Debug)]
pub(crate) struct Journal(Option<File>);

impl Journal {
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().append(true).create(true).open(path);
        path.map(open).transpose().map(Self)
    }

    /// Writes a line of JSON with a single write, so that a killed process leaves
    /// whole lines only.
    pub(crate) fn write(&self, order: &Order) -> io::Result<()> {
        let Some(mut file) = self.0.as_ref() else {
            return Ok(());
        };
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        file.write_all(&line)
    }
}
