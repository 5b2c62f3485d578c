//! The flags that say what to read. All commands on recorded traffic have them.

use std::path::PathBuf;

use clap::Args;

use crate::replay::format::{Fields, Format, KeySpec};

/// The files to read, and the part of a request that is its key.
#[derive(Clone, Debug, Args)]
pub struct InputArgs {
    /// Logs in any order, plain or gzip; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Key of a request: ip, path, header:NAME or field:NAME (a.b is nested)
    #[arg(long, value_name = "KEY", default_value = "ip")]
    pub(crate) key: KeySpec,

    /// Format of the files; otherwise each tells it by its first lines
    #[arg(long)]
    pub(crate) format: Option<Format>,

    /// Field or column with the time, if it has an unusual name
    #[arg(long, value_name = "NAME")]
    pub(crate) time: Option<String>,

    /// How many bits of an IPv6 address are one client
    #[arg(long, value_name = "BITS", default_value_t = 64, value_parser = clap::value_parser!(u8).range(1..=128))]
    pub(crate) ipv6_prefix: u8,

    /// How many requests of a file are held back to sort them by time
    #[arg(long, value_name = "REQUESTS", default_value_t = 10_000)]
    pub(crate) reorder: usize,

    /// Play even if more than 1 % of the lines cannot be read
    #[arg(long)]
    pub(crate) allow_unreadable: bool,
}

impl InputArgs {
    /// Returns what to take from a line.
    pub(super) fn fields(&self) -> Fields {
        Fields {
            key: self.key.clone(),
            time: self.time.clone(),
            ipv6_prefix: self.ipv6_prefix,
        }
    }
}
