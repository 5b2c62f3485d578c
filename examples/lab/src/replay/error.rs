//! Why traffic cannot be replayed.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why traffic cannot be replayed: the file, the line if there is one, and the
/// next step.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// A file cannot be opened.
    #[error("cannot open {}: {_1}", _0.display())]
    Open(PathBuf, #[source] io::Error),

    /// Standard input is among the files more than once.
    #[error("standard input can be read only once: give - once")]
    StandardInputTwice,

    /// The system lets the process open no more files.
    #[error("cannot open {}: too many open files; to allow more of them, run: ulimit -n 10000", _0.display())]
    TooManyFiles(PathBuf),

    /// A file cannot be read on after this line.
    #[error("cannot read {} after line {_1}: {_2}", _0.display())]
    Read(PathBuf, u64, #[source] io::Error),

    /// A compressed file ends in the middle, after this line.
    #[error(
        "{path} is truncated: its compressed data ends in the middle, after line {_1}; to replay \
         what is there, run: gzip -dc {path} | lab replay -",
        path = _0.display()
    )]
    Truncated(PathBuf, u64),

    /// The compressed data of a file is damaged after this line.
    #[error(
        "{path} is damaged: its compressed data cannot be read after line {_1} ({_2}); to replay \
         what is there, run: gzip -dc {path} | lab replay -",
        path = _0.display()
    )]
    Damaged(PathBuf, u64, #[source] io::Error),

    /// A file is in an encoding or a compression that is not known here. Ends
    /// with the command that converts it.
    #[error("{} is {_1}; run: {_2} | lab replay -", _0.display())]
    Encoding(PathBuf, &'static str, String),

    /// No line at the start of a file has a known format.
    #[error(
        "cannot tell the format of {}: must be an access log (common or combined), JSON lines, or \
         CSV with timestamp,key[,cost]; --format shows why its lines cannot be read",
        _0.display()
    )]
    UnknownFormat(PathBuf),

    /// Files of this format do not have the key, because of this.
    #[error("no such key in {}: {_1}", _0.display())]
    Key(PathBuf, String),

    /// More than a hundredth of the lines cannot be read.
    #[error(
        "{count} of {lines} lines cannot be read, which is more than 1 %; the first are\n{first}to \
         play the others, add --allow-unreadable"
    )]
    Unreadable {
        /// Lines that cannot be read.
        count: u64,
        /// All lines.
        lines: u64,
        /// The first ones, one a line.
        first: String,
    },

    /// There is not one request with a key.
    #[error("no request to play: the traffic is empty, or no line has the key")]
    Empty,

    /// More requests than memory was planned for.
    #[error("more than {_0} requests, which take 36 bytes of memory each; raise --max-requests")]
    TooMany(u64),

    /// A policy that cannot be kept: its text, and the reason.
    #[error("invalid limit {_0:?}: {_1}")]
    Policy(String, String),

    /// A file of results cannot be written.
    #[error("cannot write {}: {_1}", _0.display())]
    Write(PathBuf, #[source] io::Error),

    /// A thread cannot be started.
    #[error("cannot start a thread: {_0}")]
    Thread(#[source] io::Error),
}
