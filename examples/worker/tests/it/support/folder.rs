//! A folder that is removed when it is dropped.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Creates a folder with a new name.
    pub(crate) fn new() -> Self {
        let folder = env::temp_dir().join(format!("worker-test-{:016x}", fastrand::u64(..)));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the URL of the database of SQLite in it.
    pub(crate) fn sqlite(&self) -> String {
        format!("sqlite:{}?mode=rwc", self.0.join("orders.db").display())
    }

    /// Returns the file with the books of the provider.
    pub(crate) fn provider_books(&self) -> PathBuf {
        self.0.join("provider")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
