//! Opens a file of recorded traffic, compressed or not, or standard input.

use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

use super::progress::Progress;
use crate::replay::error::ReplayError;

/// The bytes of a log.
pub(super) type Input = Box<dyn Read>;

/// `EMFILE` of Linux, macOS and the BSDs.
const TOO_MANY_FILES: i32 = 24;

/// The first bytes of files that have to be converted: what they are, and the
/// command.
type Foreign = (&'static [u8], &'static str, &'static str);

const FOREIGN: [Foreign; 5] = [
    (&[0x28, 0xb5, 0x2f, 0xfd], "compressed by zstd", "zstd -dc"),
    (&[0xfd, b'7', b'z', b'X'], "compressed by xz", "xz -dc"),
    (b"BZh", "compressed by bzip2", "bzip2 -dc"),
    (&[0xff, 0xfe], "UTF-16", "iconv -f UTF-16 -t UTF-8"),
    (&[0xfe, 0xff], "UTF-16", "iconv -f UTF-16 -t UTF-8"),
];

/// A compressed file within a compressed one.
const TWICE: Foreign = (GZIP, "compressed twice", "gzip -dc");

const GZIP: &[u8] = &[0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// Opens a file, or standard input for `-`. Its first bytes tell whether it is
/// compressed, whatever its name.
pub(super) fn open(path: &Path, progress: &Progress) -> Result<Input, ReplayError> {
    let failed = |error| failed_open(path, error);
    let raw: Input = match is_standard_input(path) {
        true => Box::new(io::stdin()),
        false => Box::new(file(path).map_err(failed)?),
    };
    let (head, input) = peek(progress.wrap(raw)).map_err(failed)?;
    reject_foreign(path, &head, &FOREIGN, |command| {
        format!("{command} {}", path.display())
    })?;
    if !head.starts_with(GZIP) {
        return without_mark(input).map_err(failed);
    }
    let (head, input) =
        peek(Box::new(MultiGzDecoder::new(input))).map_err(|error| failed_read(path, 0, error))?;
    let within = |command: &str| format!("gzip -dc {} | {command}", path.display());
    reject_foreign(path, &head, &FOREIGN, within)?;
    reject_foreign(path, &head, &[TWICE], within)?;
    without_mark(input).map_err(failed)
}

/// Whether a path stands for standard input.
pub(super) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// Opens a file. Folders would open, and fail with a confusing error later.
fn file(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    match file.metadata()?.is_dir() {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => Ok(file),
    }
}

/// Names the error of opening a file. All files are open at once.
fn failed_open(path: &Path, error: io::Error) -> ReplayError {
    match error.raw_os_error() {
        Some(TOO_MANY_FILES) if cfg!(unix) => ReplayError::TooManyFiles(path.to_owned()),
        _ => ReplayError::Open(path.to_owned(), error),
    }
}

/// Names the error of a read: a compressed stream that ends in the middle or is
/// damaged is told apart. No other stream has such errors.
pub(super) fn failed_read(path: &Path, line: u64, error: io::Error) -> ReplayError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ReplayError::Truncated(path.to_owned(), line),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            ReplayError::Damaged(path.to_owned(), line, error)
        }
        _ => ReplayError::Read(path.to_owned(), line, error),
    }
}

/// Fails if the file begins like one of these. `whole` makes the command for the
/// file from the one that converts.
fn reject_foreign(
    path: &Path,
    head: &[u8],
    foreign: &[Foreign],
    whole: impl Fn(&str) -> String,
) -> Result<(), ReplayError> {
    let found = foreign.iter().find(|(magic, ..)| head.starts_with(magic));
    found.map_or(Ok(()), |(_, is, command)| {
        Err(ReplayError::Encoding(path.to_owned(), is, whole(command)))
    })
}

/// Returns the first four bytes, or as many as there are, and the stream with
/// them.
fn peek(mut input: Input) -> io::Result<(Vec<u8>, Input)> {
    let mut head = Vec::new();
    (&mut input).take(4).read_to_end(&mut head)?;
    let whole = Cursor::new(head.clone()).chain(input);
    Ok((head, Box::new(whole)))
}

/// Drops the byte order mark of UTF-8, which some editors write.
fn without_mark(input: Input) -> io::Result<Input> {
    let (head, mut input) = peek(input)?;
    if head.starts_with(BYTE_ORDER_MARK) {
        input.read_exact(&mut [0; BYTE_ORDER_MARK.len()])?;
    }
    Ok(input)
}
