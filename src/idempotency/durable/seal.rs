//! How much is known to be on disk.
//!
//! A journal that was damaged looks like one that a crash has cut off, and what
//! comes after the damage is gone without a word. So there is one number beside the
//! journal: how many writes the disk has confirmed. Whoever opens the files and
//! finds fewer does not have what was promised. The number itself need not be on
//! disk at once, for it may be too small.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use super::{error::OpenError, layout::number};

const NAME: &str = "seal";

/// The file with the number.
#[derive(Debug)]
pub(super) struct Seal(File);

impl Seal {
    /// Opens the seal on the files in this folder, of which so many writes are
    /// there.
    pub(super) fn open(folder: &Path, there: u64) -> Result<Self, OpenError> {
        let seal = Self::read_or_make(folder, there).map_err(OpenError::unreadable)?;
        let (seal, sealed) = seal;
        if there < sealed {
            return Err(OpenError::unreadable(format!(
                "of {sealed} writes {there} are left: to go on with these, remove the file \
                 `{NAME}`"
            )));
        }
        Ok(seal)
    }

    fn read_or_make(folder: &Path, there: u64) -> io::Result<(Self, u64)> {
        let path = folder.join(NAME);
        // A crash may have come before its first number, and so before any write.
        if !path.try_exists()? || (there == 0 && path.metadata()?.len() == 0) {
            let mut seal = Self(File::create(path)?);
            seal.write(0)?;
            // From now on it is changed in its place.
            seal.0.sync_all()?;
            return Ok((seal, 0));
        }
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        match number(&bytes) {
            Some((sealed, [])) => Ok((Self(file), sealed)),
            _ => Err(io::Error::other("its seal is malformed")),
        }
    }

    /// So many writes are on disk.
    pub(super) fn write(&mut self, writes: u64) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(&writes.to_be_bytes())
    }
}
