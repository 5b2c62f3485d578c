//! Why traffic cannot be replayed.

use std::{error::Error, fmt, io, path::PathBuf};

/// Why traffic cannot be replayed: the file, the line if there is one, and what
/// to do.
#[derive(Debug)]
pub enum ReplayError {
    /// A file cannot be opened.
    Open(PathBuf, io::Error),
    /// A file cannot be read on after this line.
    Read(PathBuf, u64, io::Error),
    /// A compressed file ends in the middle, after this line.
    Truncated(PathBuf, u64),
    /// A file is in an encoding or a compression that is not known here; with
    /// the command that converts it.
    Encoding(PathBuf, &'static str, &'static str),
    /// No line at the start of a file has a known format.
    UnknownFormat(PathBuf),
    /// Files of this format do not have the key, because of this.
    Key(PathBuf, String),
    /// More than a hundredth of the lines cannot be read; with a list of the
    /// first ones.
    Unreadable {
        /// Lines that cannot be read.
        count: u64,
        /// All lines.
        lines: u64,
        /// The first ones, one a line.
        first: String,
    },
    /// There is not one request with a key.
    Empty,
    /// More requests than memory was planned for.
    TooMany(u64),
    /// A policy that cannot be kept: its text, and the reason.
    Policy(String, String),
    /// A file of results cannot be written.
    Write(PathBuf, io::Error),
    /// A thread cannot be started.
    Thread(io::Error),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(path, error) => write!(f, "cannot open {}: {error}", path.display()),
            Self::Read(path, line, error) => {
                write!(
                    f,
                    "cannot read {} after line {line}: {error}",
                    path.display()
                )
            }
            Self::Truncated(path, line) => write!(
                f,
                "{} is truncated: its compressed data ends in the middle, after line {line}; to \
                 replay what is there, run: gzip -dc FILE | lab replay -",
                path.display()
            ),
            Self::Encoding(path, is, command) => {
                write!(
                    f,
                    "{} is {is}; run: {command} | lab replay -",
                    path.display()
                )
            }
            Self::UnknownFormat(path) => write!(
                f,
                "cannot tell the format of {}: must be an access log (common or combined), JSON \
                 lines, or CSV with timestamp,key[,cost]; --format shows why its lines cannot be \
                 read",
                path.display()
            ),
            Self::Key(path, reason) => write!(f, "no such key in {}: {reason}", path.display()),
            Self::Unreadable {
                count,
                lines,
                first,
            } => write!(
                f,
                "{count} of {lines} lines cannot be read, which is more than 1 %; the first \
                 are\n{first}to play the others, add --allow-unreadable"
            ),
            Self::Empty => {
                f.write_str("no request to play: the traffic is empty, or no line has the key")
            }
            Self::TooMany(max) => write!(
                f,
                "more than {max} requests, which take 36 bytes of memory each; raise --max-requests"
            ),
            Self::Policy(text, reason) => write!(f, "invalid limit {text:?}: {reason}"),
            Self::Write(path, error) => write!(f, "cannot write {}: {error}", path.display()),
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl Error for ReplayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Open(_, error)
            | Self::Read(_, _, error)
            | Self::Write(_, error)
            | Self::Thread(error) => Some(error),
            _ => None,
        }
    }
}
