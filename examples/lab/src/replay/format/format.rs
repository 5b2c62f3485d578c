//! The names of the formats, for `--format`.

use std::fmt;

use clap::ValueEnum;

/// A format of recorded traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Common or combined format of nginx and Apache
    Log,
    /// One JSON object a line
    Json,
    /// Columns `timestamp,key[,cost]`, or a first line that names them
    Csv,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Log => "access log",
            Self::Json => "JSON lines",
            Self::Csv => "CSV",
        })
    }
}
