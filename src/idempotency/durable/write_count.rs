//! The number of writes that the disk has confirmed, in a file beside the
//! others.
//!
//! A damaged journal looks like one that a crash has cut off, and everything
//! behind the damage is lost without an error. If the files hold fewer writes
//! than this number, something that was promised is missing. The number itself
//! need not be on the disk at once: one that is too small does no harm.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use super::{error::OpenError, layout::number};

/// The name of the file. It is older than the name of this module.
const FILE: &str = "seal";

/// The open file.
#[derive(Debug)]
pub(super) struct WriteCount(File);

impl WriteCount {
    /// Opens the file in this folder, and checks it against the number of
    /// writes that the other files hold.
    pub(super) fn open(folder: &Path, found: u64) -> Result<Self, OpenError> {
        let opened = Self::read_or_create(folder, found).map_err(OpenError::unreadable)?;
        let (file, confirmed) = opened;
        if found < confirmed {
            return Err(OpenError::unreadable(format!(
                "{found} of {confirmed} writes are left: to go on with these, remove the file \
                 `{FILE}`"
            )));
        }
        Ok(file)
    }

    /// Opens the file, and returns the number in it.
    fn read_or_create(folder: &Path, found: u64) -> io::Result<(Self, u64)> {
        let path = folder.join(FILE);
        // An empty file is from a crash before the first number, so before any
        // write.
        if !path.try_exists()? || (found == 0 && path.metadata()?.len() == 0) {
            let mut created = Self(File::create(path)?);
            created.write(0)?;
            // Later numbers overwrite this one, so the length never changes
            // again.
            created.0.sync_all()?;
            return Ok((created, 0));
        }
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        match number(&bytes) {
            Some((confirmed, [])) => Ok((Self(file), confirmed)),
            _ => Err(io::Error::other("the file `seal` is malformed")),
        }
    }

    /// Writes the number of confirmed writes.
    pub(super) fn write(&mut self, confirmed: u64) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(&confirmed.to_be_bytes())
    }
}
